"""One node, and one release on it, for all of these tests: `make node-test` runs them."""

import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from fanscribe.client import Client
from tests.chart.charts import CHART, VALUES
from tests.cluster.control_plane import ControlPlane
from tests.cluster.release import Release
from tests.node.containers import load
from tests.node.images import IMAGES
from tests.node.node import ADDRESS, node
from tests.node.pods import Pods
from tests.support.range_server import RangeServer
from tests.support.speech import Recording

# Where `make node-test` puts archives of the images.
_ARCHIVES = Path(os.environ.get("FANSCRIBE_IMAGES", Path(sys.prefix) / "images"))
INSTALLED = (
    str(CHART),
    f"--values={VALUES / 'cpu.yaml'}",
    f"--values={Path(__file__).parent / 'values.yaml'}",
    "--wait",
    "--timeout=110s",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark them all."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.node)


@pytest.fixture(scope="session")
async def cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ControlPlane]:
    """A cluster of one node that has the images, with a namespace `speech`."""
    archives = [_ARCHIVES / f"{image}.tar" for image in IMAGES]
    for archive in archives:
        if not archive.exists():
            pytest.skip(f"there is no archive of an image: {archive}")
    # Gigabytes, which pytest would keep; pods that still run may hold on to some until they end.
    with TemporaryDirectory(ignore_cleanup_errors=True) as images:
        async with node(tmp_path_factory.mktemp("node"), Path(images)) as plane:
            for archive in archives:
                load(archive)
            plane.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "speech"}})
            yield plane


@pytest.fixture(scope="session")
def release(cluster: ControlPlane) -> Release:
    """A release all of whose pods are ready."""
    release = Release(cluster, "4", "test")
    release.helm("install", *INSTALLED)
    return release


@pytest.fixture(scope="session")
def pods(cluster: ControlPlane, release: Release) -> Pods:
    """Its pods."""
    return Pods(cluster, release.name)


@pytest.fixture(scope="session")
async def orchestrator(cluster: ControlPlane, release: Release) -> AsyncIterator[Client]:
    """A client of its orchestrators, by the address of their Service."""
    service = f"service/{release.name}-fanscribe-orchestrator"
    address = cluster.kubectl("get", service, "--output=jsonpath={.spec.clusterIP}")
    async with Client(f"{address}:50051") as client:
        yield client


@pytest.fixture(scope="session")
async def recording(speech: Recording) -> AsyncIterator[str]:
    """Where pods find `speech`: the node's own address, which values.yaml allows."""
    async with RangeServer(host=ADDRESS) as host:
        yield host.add(speech.path.name, speech.path)
