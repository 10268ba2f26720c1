"""A containerd of the tests, with a network plugin: what a kubelet runs pods with."""

import json
import subprocess
from pathlib import Path
from shutil import which

import pytest

from tests.cluster.control_plane import ControlPlane
from tests.support.polling import eventually

SOCKET = Path("/run/containerd/containerd.sock")
PODS = "10.244.0.0/24"
PAUSE = "localhost/pause:test"
_PLUGINS = Path("/usr/lib/cni")
_IMPORT_S = 600


def installed(name: str) -> Path:
    """Return a program of the system; skips the test without it."""
    found = which(name)
    if found is None:
        pytest.skip(f"there is no {name} here: `make node-test` tells what it takes")
    return Path(found)


async def start_containerd(plane: ControlPlane, root: Path) -> None:
    """Start it, with its images in `root`, and wait until it answers."""
    folder = plane.folder
    # Every pod has a link of its own to the node, which routes: Services see all packets.
    network = {
        "cniVersion": "1.0.0",
        "name": "pods",
        "plugins": [
            {
                "type": "ptp",
                "ipam": {
                    "type": "host-local",
                    "dataDir": "/run/cni",
                    "ranges": [[{"subnet": PODS}]],
                    "routes": [{"dst": "0.0.0.0/0"}],
                },
            }
        ],
    }
    networks = folder / "networks"
    networks.mkdir()
    (networks / "pods.conflist").write_text(json.dumps(network))
    (folder / "containerd.toml").write_text(f"""\
version = 2
root = "{root}"
state = "/run/containerd"
[grpc]
address = "{SOCKET}"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{PAUSE}"
# Some machines grant nobody the right to lower it.
restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "{_PLUGINS}"
conf_dir = "{networks}"
[plugins."io.containerd.internal.v1.opt"]
path = "{root}/opt"
""")
    await plane.start(installed("containerd"), f"--config={folder / 'containerd.toml'}")

    def answers() -> bool:
        done = subprocess.run([installed("ctr"), "version"], capture_output=True, check=False)
        return done.returncode == 0

    await eventually(answers, "containerd answers", 30)


def load(archive: Path) -> None:
    """Load the images of an archive. Raises AssertionError."""
    done = subprocess.run(
        [installed("ctr"), "--namespace=k8s.io", "images", "import", archive],
        capture_output=True,
        text=True,
        timeout=_IMPORT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
