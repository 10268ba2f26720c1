"""The orchestrator's discovery on a real API server, with the rights that the chart gives it."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
import yaml
from prometheus_client import CollectorRegistry

from fanscribe.orchestrator.discovery.api import ServiceEndpointSlices
from fanscribe.orchestrator.discovery.cluster import KubernetesDiscovery, Patience
from fanscribe.orchestrator.discovery.dns import DnsDiscovery
from fanscribe.orchestrator.metrics import DiscoveryMetrics
from tests.chart.charts import one, render
from tests.cluster.control_plane import ControlPlane
from tests.support.polling import eventually

SERVICE = "demo-fanscribe-splitter"
ONE, TWO, THREE, BY_DNS = (f"10.4.0.{number}:50051" for number in (1, 2, 3, 9))
_WATCH_S = 1


def _slice(name: str, *addresses: str, ready: bool = True) -> dict[str, object]:
    endpoints = [
        {"addresses": [address.partition(":")[0]], "conditions": {"ready": ready}}
        for address in addresses
    ]
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": name,
            "namespace": "speech",
            "labels": {"kubernetes.io/service-name": SERVICE},
        },
        "addressType": "IPv4",
        "endpoints": endpoints,
        "ports": [{"name": "grpc", "port": 50051, "protocol": "TCP"}],
    }


class Follower:
    """Follows the discovery of whoever holds a token."""

    def __init__(self) -> None:
        self.sets: list[frozenset[str]] = []
        self._registry = CollectorRegistry()

    async def follow(self) -> None:
        metrics = DiscoveryMetrics(self._registry)
        dns = DnsDiscovery(
            SERVICE, 50051, metrics, resolve=lambda _host, _port: [BY_DNS], poll_s=0.1
        )
        discovery = KubernetesDiscovery(
            lambda: ServiceEndpointSlices("speech", SERVICE, 5, _WATCH_S),
            "grpc",
            dns,
            metrics,
            Patience(longest_backoff_s=0.5, dns_poll_s=0.1, denied_s=1),
        )
        async for found in discovery.addresses():
            self.sets.append(found)

    async def finds(self, *addresses: str) -> None:
        wanted = frozenset(addresses)
        await eventually(lambda: self.sets[-1:] == [wanted], f"{set(wanted)} are found", 40)

    def failures(self, reason: str) -> float:
        labels = {"source": "kubernetes", "reason": reason}
        name = "fanscribe_discovery_failures_total"
        return self._registry.get_sample_value(name, labels) or 0.0


@pytest.fixture
def splitters(cluster: ControlPlane) -> Iterator[ControlPlane]:
    """Two splitters in two slices, and the chart's service account for the orchestrator."""
    rendered = [found for found in yaml.safe_load_all(render("default")) if found]
    rights = [
        one(rendered, kind, "orchestrator") for kind in ("ServiceAccount", "Role", "RoleBinding")
    ]
    stranger = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": "stranger", "namespace": "speech"},
    }
    cluster.apply(*rights, stranger, _slice("first", ONE), _slice("second", TWO))
    yield cluster
    cluster.kubectl("delete", "endpointslices", "--all", "--namespace=speech")
    cluster.kubectl("delete", "rolebindings", "--all", "--namespace=speech")
    # A release of this name is another test's.
    kinds, those = "serviceaccounts,roles", "--selector=app.kubernetes.io/instance=demo"
    cluster.kubectl("delete", kinds, those, "--namespace=speech")


@pytest.fixture
async def follow(
    splitters: ControlPlane,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> AsyncIterator[Follower]:
    """A discovery with the token of a service account."""
    account = request.param
    token = splitters.kubectl("create", "token", account, "--namespace=speech").strip()
    monkeypatch.setenv("KUBECONFIG", str(splitters.kubeconfig_of(account, token)))
    follower = Follower()
    task = asyncio.create_task(follower.follow())
    yield follower
    task.cancel()
    await asyncio.wait([task])


@pytest.mark.parametrize("follow", ["demo-fanscribe-orchestrator"], indirect=True)
async def test_what_is_created_changed_and_deleted_is_followed(
    follow: Follower, cluster: ControlPlane
) -> None:
    await follow.finds(ONE, TWO)
    cluster.apply(_slice("third", THREE))
    await follow.finds(ONE, TWO, THREE)
    cluster.apply(_slice("first", ONE, ready=False))
    await follow.finds(TWO, THREE)
    cluster.kubectl("delete", "endpointslice", "second", "--namespace=speech")
    await follow.finds(THREE)
    cluster.kubectl("delete", "endpointslice", "third", "--namespace=speech")
    await follow.finds()
    assert follow.failures("denied") == 0


@pytest.mark.parametrize("follow", ["demo-fanscribe-orchestrator"], indirect=True)
async def test_what_is_known_holds_while_the_api_server_is_away(
    follow: Follower, cluster: ControlPlane
) -> None:
    await follow.finds(ONE, TWO)
    await cluster.stop_api_server()
    await eventually(lambda: follow.failures("unreachable") > 1, "it is missed", 40)
    assert follow.sets[-1] == {ONE, TWO}
    await cluster.start_api_server()
    cluster.apply(_slice("third", THREE))
    await follow.finds(ONE, TWO, THREE)
    # Not once since was anybody forgotten, nor DNS asked.
    assert all({ONE, TWO} <= found for found in follow.sets)


@pytest.mark.parametrize("follow", ["stranger"], indirect=True)
async def test_whoever_has_no_right_goes_by_dns_until_it_is_given(
    follow: Follower, cluster: ControlPlane
) -> None:
    await follow.finds(BY_DNS)
    assert follow.failures("denied") >= 1
    cluster.apply(
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": {"name": "stranger", "namespace": "speech"},
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": "Role",
                "name": "demo-fanscribe-orchestrator",
            },
            "subjects": [{"kind": "ServiceAccount", "name": "stranger", "namespace": "speech"}],
        }
    )
    await follow.finds(ONE, TWO)


@pytest.mark.parametrize("follow", ["demo-fanscribe-orchestrator"], indirect=True)
async def test_watches_that_end_are_gone_on_with(follow: Follower, cluster: ControlPlane) -> None:
    await follow.finds(ONE, TWO)
    seen = len(follow.sets)
    # More changes than one watch, which lasts a second, has time for.
    for number in range(8):
        cluster.apply(_slice("third", THREE, ready=number % 2 == 0))
        await follow.finds(ONE, TWO, *([THREE] if number % 2 == 0 else []))
    assert len(follow.sets) == seen + 8
