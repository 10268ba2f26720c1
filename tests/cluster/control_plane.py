"""A real Kubernetes API server with its etcd, and nothing else: no controllers, no nodes."""

import asyncio
import json
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
from tests.support.polling import eventually

PROGRAMS = Path(sys.prefix) / "control-plane"
ADMIN_TOKEN = "admin"  # noqa: S105  of a server that lives as long as the test
_START_S = 90
_STOP_S = 20


def program(path: Path) -> Path:
    """Return a program; skips the test where it is not."""
    if not path.exists():
        pytest.skip(f"there is no {path.name} in .venv: `make cluster-test` fetches and builds it")
    return path


@dataclass
class ControlPlane:
    """Its files, ports and processes. It keeps what it knows when it is restarted."""

    folder: Path
    port: int
    etcd_ports: tuple[int, int]
    _processes: dict[str, asyncio.subprocess.Process] = field(default_factory=dict)

    @property
    def kubeconfig(self) -> Path:
        """Where the administrator's is."""
        return self.kubeconfig_of("admin", ADMIN_TOKEN)

    def kubeconfig_of(self, name: str, token: str) -> Path:
        """Write one for whoever holds a token."""
        cluster = {
            "server": f"https://127.0.0.1:{self.port}",
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
        folder = self.folder
        await self._start(
            "kube-apiserver",
            f"--etcd-servers=http://127.0.0.1:{self.etcd_ports[0]}",
            "--bind-address=127.0.0.1",
            f"--secure-port={self.port}",
            f"--cert-dir={folder / 'certificates'}",
            f"--token-auth-file={folder / 'tokens.csv'}",
            "--authorization-mode=RBAC",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={folder / 'service-accounts.pem'}",
            f"--service-account-signing-key-file={folder / 'service-accounts.pem'}",
            "--service-cluster-ip-range=10.96.0.0/16",
            # Endpoints may not be on the loopback interface; the tests write their own.
            "--endpoint-reconciler-type=none",
        )

        def ready() -> bool:
            try:
                return self.kubectl("get", "--raw=/readyz") == "ok"
            except AssertionError:
                return False

        await eventually(ready, "the API server is ready", deadline_s=_START_S)

    async def stop_api_server(self) -> None:
        """Stop it at once, as a crash would."""
        process = self._processes.pop("kube-apiserver")
        process.kill()
        await process.wait()

    async def start_etcd(self) -> None:
        """Start it; the API server waits for it."""
        clients, peers = (f"http://127.0.0.1:{port}" for port in self.etcd_ports)
        await self._start(
            "etcd",
            f"--data-dir={self.folder / 'etcd'}",
            f"--listen-client-urls={clients}",
            f"--advertise-client-urls={clients}",
            f"--listen-peer-urls={peers}",
            f"--initial-advertise-peer-urls={peers}",
            f"--initial-cluster=default={peers}",
            "--unsafe-no-fsync",
        )

    async def stop(self) -> None:
        """Stop both, the API server first, which has things to tell etcd when it goes."""
        async with asyncio.timeout(_STOP_S):
            for process in reversed(self._processes.values()):
                process.terminate()
                await process.wait()

    async def _start(self, name: str, *arguments: str) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self._processes[name] = await asyncio.create_subprocess_exec(
                program(PROGRAMS / name), *arguments, stdout=log, stderr=log
            )


@asynccontextmanager
async def control_plane(folder: Path) -> AsyncIterator[ControlPlane]:
    """Run one, with its files in `folder`; skips the test where it cannot."""
    for name in ("etcd", "kube-apiserver"):
        program(PROGRAMS / name)
    openssl = which("openssl")
    if openssl is None:
        pytest.skip("no openssl here, which makes the key of service accounts")
    port, *etcd_ports = free_ports("127.0.0.1", [0, 0, 0])
    (folder / "tokens.csv").write_text(f"{ADMIN_TOKEN},admin,1,system:masters\n")
    key = await asyncio.create_subprocess_exec(
        *(openssl, "genrsa", "-out", folder / "service-accounts.pem", "2048"),
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert await key.wait() == 0
    plane = ControlPlane(folder, port, (etcd_ports[0], etcd_ports[1]))
    try:
        await plane.start_etcd()
        await plane.start_api_server()
        yield plane
    finally:
        await plane.stop()
