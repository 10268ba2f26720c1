"""A real Kubernetes API server with its etcd: no nodes; controllers if a test starts them."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from shutil import which
from typing import Any

import pytest

from fanscribe.inference.launcher import free_ports
from tests.support.certificates import Authority, Identity
from tests.support.polling import eventually

LOOPBACK = "127.0.0.1"
PROGRAMS = Path(sys.prefix) / "control-plane"
ADMIN_TOKEN = "admin"  # noqa: S105  of a server that lives as long as the test
_START_S = 90
_STOP_S = 20
_TOLD_CHARACTERS = 2000


def program(path: Path) -> Path:
    """Return a program; skips the test where it is not."""
    if not path.exists():
        target = {"keda": "keda-test", "node": "node-test"}.get(path.parent.name, "cluster-test")
        pytest.skip(f"there is no {path.name} in .venv: `make {target}` fetches and builds it")
    return path


@dataclass
class ControlPlane:
    """Its files, ports and processes. It keeps what it knows when it is restarted."""

    folder: Path
    port: int
    etcd_ports: tuple[int, int]
    _proxy: Identity
    address: str = LOOPBACK
    """Where the API server listens. Pods, where there are any, must reach it."""
    _processes: dict[str, asyncio.subprocess.Process] = field(default_factory=dict)

    @property
    def kubeconfig(self) -> Path:
        """Where the administrator's is."""
        return self.kubeconfig_of("admin", ADMIN_TOKEN)

    def kubeconfig_of(self, name: str, token: str) -> Path:
        """Write one for whoever holds a token."""
        cluster = {
            "server": f"https://{self.address}:{self.port}",
            "certificate-authority": str(self.folder / "certificates/apiserver.crt"),
        }
        context = {"cluster": "test", "user": name, "namespace": "speech"}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "test",
            "clusters": [{"name": "test", "cluster": cluster}],
            "users": [{"name": name, "user": {"token": token}}],
            "contexts": [{"name": "test", "context": context}],
        }
        path = self.folder / f"{name}.kubeconfig"
        path.write_text(json.dumps(config))
        return path

    def kubectl(self, *arguments: str | Path, manifests: str = "") -> str:
        """Run kubectl as the administrator; returns what it prints. Raises AssertionError."""
        done = subprocess.run(
            [
                program(Path(sys.prefix) / "helm/kubectl"),
                f"--kubeconfig={self.kubeconfig}",
                *arguments,
            ],
            input=manifests,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def apply(self, *resources: dict[str, Any]) -> None:
        """Create or change resources."""
        items = {"apiVersion": "v1", "kind": "List", "items": list(resources)}
        self.kubectl(
            "apply",
            "--server-side",
            "--force-conflicts",
            "--filename=-",
            manifests=json.dumps(items),
        )

    async def start_api_server(self) -> None:
        """Start it, and wait until it is ready."""
        folder, proxy = self.folder, self._proxy
        await self.start(
            PROGRAMS / "kube-apiserver",
            f"--etcd-servers=http://127.0.0.1:{self.etcd_ports[0]}",
            f"--bind-address={self.address}",
            f"--secure-port={self.port}",
            f"--cert-dir={folder / 'certificates'}",
            f"--token-auth-file={folder / 'tokens.csv'}",
            "--authorization-mode=RBAC",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={folder / 'service-accounts.pem'}",
            f"--service-account-signing-key-file={folder / 'service-accounts.pem'}",
            "--service-cluster-ip-range=10.96.0.0/16",
            # Endpoints may not be on the loopback interface: then the tests write their own.
            f"--endpoint-reconciler-type={'none' if self.address == LOOPBACK else 'lease'}",
            "--kubelet-preferred-address-types=InternalIP",
            # How it shows itself to servers behind it: that of KEDA's metrics.
            f"--requestheader-client-ca-file={proxy.ca_file}",
            "--requestheader-username-headers=X-Remote-User",
            "--requestheader-group-headers=X-Remote-Group",
            "--requestheader-extra-headers-prefix=X-Remote-Extra-",
            f"--proxy-client-cert-file={proxy.cert_file}",
            f"--proxy-client-key-file={proxy.key_file}",
        )

        def ready() -> bool:
            try:
                return self.kubectl("get", "--raw=/readyz") == "ok"
            except AssertionError:
                return False

        await eventually(ready, "the API server is ready", deadline_s=_START_S)

    async def stop_api_server(self) -> None:
        """Stop it at once, as a crash would."""
        await self.stop("kube-apiserver", signal.SIGKILL)

    async def start_etcd(self) -> None:
        """Start it; the API server waits for it."""
        clients, peers = (f"http://127.0.0.1:{port}" for port in self.etcd_ports)
        await self.start(
            PROGRAMS / "etcd",
            f"--data-dir={self.folder / 'etcd'}",
            f"--listen-client-urls={clients}",
            f"--advertise-client-urls={clients}",
            f"--listen-peer-urls={peers}",
            f"--initial-advertise-peer-urls={peers}",
            f"--initial-cluster=default={peers}",
            "--unsafe-no-fsync",
        )

    async def start(self, path: Path, *arguments: str, **environment: str) -> None:
        """Start a program whose output goes into a file of its name; skips the test without it."""
        with (self.folder / f"{path.name}.log").open("ab") as log:
            self._processes[path.name] = await asyncio.create_subprocess_exec(
                program(path), *arguments, stdout=log, stderr=log, env={**os.environ, **environment}
            )

    async def stop(self, name: str, how: signal.Signals = signal.SIGTERM) -> None:
        """Stop a program, and wait until it is gone; fails if it ended by itself."""
        process = self._processes.pop(name)
        log = (self.folder / f"{name}.log").read_text()[-_TOLD_CHARACTERS:]
        assert process.returncode is None, f"{name} ended by itself:\n{log}"
        process.send_signal(how)
        async with asyncio.timeout(_STOP_S):
            await process.wait()

    @asynccontextmanager
    async def running(self, path: Path, *arguments: str, **environment: str) -> AsyncIterator[None]:
        """Run a program meanwhile."""
        await self.start(path, *arguments, **environment)
        try:
            yield
        finally:
            await self.stop(path.name)

    async def stop_all(self) -> None:
        """Stop the last first: the API server has things to tell etcd when it goes."""
        for name in reversed(tuple(self._processes)):
            await self.stop(name)


@asynccontextmanager
async def control_plane(folder: Path, address: str = LOOPBACK) -> AsyncIterator[ControlPlane]:
    """Run one, with its files in `folder`; skips the test where it cannot."""
    for name in ("etcd", "kube-apiserver"):
        program(PROGRAMS / name)
    openssl = which("openssl")
    if openssl is None:
        pytest.skip("no openssl here, which makes the key of service accounts")
    port, *etcd_ports = free_ports(LOOPBACK, [0, 0, 0])
    (folder / "tokens.csv").write_text(f"{ADMIN_TOKEN},admin,1,system:masters\n")
    key = await asyncio.create_subprocess_exec(
        *(openssl, "genrsa", "-out", folder / "service-accounts.pem", "2048"),
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert await key.wait() == 0
    proxy = Authority(folder / "front-proxy").issue("proxy", "front-proxy")
    plane = ControlPlane(folder, port, (etcd_ports[0], etcd_ports[1]), proxy, address)
    try:
        await plane.start_etcd()
        await plane.start_api_server()
        yield plane
    finally:
        await plane.stop_all()
