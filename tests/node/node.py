"""A Kubernetes node beside its control plane: kubelet, proxy, scheduler, controllers and DNS."""

import json
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import yaml

from tests.cluster.control_plane import PROGRAMS as CONTROL_PLANE
from tests.cluster.control_plane import ControlPlane, control_plane, program
from tests.node.archives import one_program
from tests.node.containers import PAUSE, PODS, SOCKET, installed, load, start_containerd
from tests.support.polling import eventually

PROGRAMS = Path(sys.prefix) / "node"
# Of a block that is for documentation: nothing outside of the tests has it.
ADDRESS = "192.0.2.10"
DNS_ADDRESS = "10.96.0.10"
DNS = "localhost/dns:test"
_READY_S = 100


def _make_network() -> None:
    """Give the namespace's node an address. Skips where this is the machine's own network."""
    if [name for _, name in socket.if_nameindex()] != ["lo"]:
        pytest.skip("not in a network of its own: `make node-test` makes one")
    for command in (
        "link add node0 type bridge",
        f"address add {ADDRESS}/24 dev node0",
        "link set node0 up",
        "route add default via 192.0.2.1",
    ):
        subprocess.run([installed("ip"), *command.split()], check=True, timeout=10)
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")


def _check_control_groups() -> None:
    """Skip where another kubelet has pods: each would end those of the other."""
    for found in Path("/sys/fs/cgroup").glob("**/kubepods"):
        pytest.skip(f"another kubelet is at work here: {found}")


def _kubelet_configuration(folder: Path) -> Path:
    path = folder / "kubelet.json"
    configuration = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
        "authorization": {"mode": "AlwaysAllow"},
        "containerRuntimeEndpoint": f"unix://{SOCKET}",
        "cgroupDriver": "cgroupfs",
        "failCgroupV1": False,
        "clusterDNS": [DNS_ADDRESS],
        "clusterDomain": "cluster.local",
        "resolvConf": "",
        "failSwapOn": False,
        "podLogsDir": "/var/log/pods",
        # The machine's disk may be as full as it likes.
        "evictionHard": {
            "nodefs.available": "0%",
            "nodefs.inodesFree": "0%",
            "imagefs.available": "0%",
            "imagefs.inodesFree": "0%",
        },
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
    }
    path.write_text(json.dumps(configuration))
    return path


async def _start_programs(plane: ControlPlane) -> None:
    """Start what is beside the API server and containerd."""
    folder, who = plane.folder, f"--kubeconfig={plane.kubeconfig}"
    await plane.start(
        CONTROL_PLANE / "kube-controller-manager",
        who,
        "--leader-elect=false",
        "--bind-address=127.0.0.1",
        f"--service-account-private-key-file={folder / 'service-accounts.pem'}",
        f"--root-ca-file={folder / 'certificates/apiserver.crt'}",
    )
    await plane.start(
        PROGRAMS / "kube-scheduler", who, "--leader-elect=false", "--bind-address=127.0.0.1"
    )
    await plane.start(
        PROGRAMS / "kubelet",
        who,
        f"--config={_kubelet_configuration(folder)}",
        "--root-dir=/var/lib/kubelet",
        "--hostname-override=node",
        f"--node-ip={ADDRESS}",
    )
    await plane.start(
        PROGRAMS / "kube-proxy",
        who,
        "--proxy-mode=nftables",
        "--hostname-override=node",
        f"--cluster-cidr={PODS}",
        # The machine's own limits hold.
        "--conntrack-max-per-core=0",
        "--conntrack-min=0",
    )


@asynccontextmanager
async def node(folder: Path, images: Path) -> AsyncIterator[ControlPlane]:
    """Run a cluster of one node, which keeps its container images in `images`.

    Skips the test where it cannot.
    """
    for name in ("kubelet", "kube-proxy", "kube-scheduler", "dns", "pause"):
        program(PROGRAMS / name)
    _check_control_groups()
    _make_network()
    async with control_plane(folder, ADDRESS) as plane:
        await start_containerd(plane, images)
        for name in (PAUSE, DNS):
            called = name.removeprefix("localhost/").removesuffix(":test")
            load(one_program(folder / f"{called}.tar", name, program(PROGRAMS / called)))
        await _start_programs(plane)
        try:
            await _answers(plane)
            yield plane
        finally:
            # It would wait for the pods that ask it, and nobody stops these.
            await plane.stop_api_server()


async def _answers(plane: ControlPlane) -> None:
    """Wait until the node and the names of the cluster are there."""

    def ready() -> bool:
        found = json.loads(plane.kubectl("get", "nodes", "--output=json"))["items"]
        states = [state for one in found for state in one["status"]["conditions"]]
        return ("Ready", "True") in [(state["type"], state["status"]) for state in states]

    await eventually(ready, "the node is ready", _READY_S)
    plane.apply(*yaml.safe_load_all((Path(__file__).parent / "dns.yaml").read_text()))
    wait = ("wait", "--for=condition=Available", f"--timeout={_READY_S}s")
    plane.kubectl(*wait, "deployment/dns", "--namespace=kube-system")
