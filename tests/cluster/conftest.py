"""One API server for all of these tests: `make cluster-test` runs them, `make test` does not."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.cluster.control_plane import PROGRAMS, ControlPlane, control_plane, program


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark them all."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.cluster)


@pytest.fixture(scope="session")
async def cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ControlPlane]:
    """An API server that knows the custom resources, with a namespace `speech`."""
    async with control_plane(tmp_path_factory.mktemp("cluster")) as plane:
        plane.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "speech"}})
        plane.apply(
            # A controller would make it.
            {
                "apiVersion": "v1",
                "kind": "ServiceAccount",
                "metadata": {"name": "default", "namespace": "speech"},
            },
            # What a real cluster tells of its API server, and the chart looks up.
            {
                "apiVersion": "discovery.k8s.io/v1",
                "kind": "EndpointSlice",
                "metadata": {"name": "kubernetes", "namespace": "default"},
                "addressType": "IPv4",
                "endpoints": [{"addresses": ["192.0.2.10"]}],
                "ports": [{"name": "https", "port": 6443, "protocol": "TCP"}],
            },
        )
        plane.kubectl("apply", "--server-side", f"--filename={program(PROGRAMS / 'definitions')}")
        plane.kubectl("wait", "--for=condition=Established", "--all", "crd", "--timeout=60s")
        yield plane
