"""Discovery against a real API server's protocol, well and unwell, and DNS."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from fanscribe.orchestrator.discovery import Discovery
from fanscribe.orchestrator.discovery.api import ServiceEndpointSlices
from fanscribe.orchestrator.discovery.cluster import KubernetesDiscovery, Patience
from fanscribe.orchestrator.discovery.dns import DnsDiscovery, Resolve, resolve
from fanscribe.orchestrator.metrics import DiscoveryMetrics
from tests.support.endpoint_slices import (
    FORBIDDEN,
    NAMESPACE,
    SERVICE,
    EndpointSliceServer,
    endpoint,
    endpoint_slice,
    status,
)
from tests.support.polling import eventually

IMPATIENT = Patience(
    first_backoff_s=0.01, longest_backoff_s=0.1, dns_poll_s=0.01, denied_s=0.1, starting_s=0.1
)
ONE, TWO, THREE = "10.4.1.7:50051", "10.4.1.8:50051", "10.4.2.9:50051"
BY_DNS = "10.4.9.9:50051"


@dataclass
class Names:
    """What DNS answers."""

    addresses: list[str] = field(default_factory=lambda: [BY_DNS])
    error: OSError | None = None
    asked: list[tuple[str, int]] = field(default_factory=list)

    def resolve(self, host: str, port: int) -> list[str]:
        self.asked.append((host, port))
        if self.error is not None:
            raise self.error
        return self.addresses


class Follower:
    """Follows a discovery."""

    def __init__(self, discovery: Discovery, registry: CollectorRegistry) -> None:
        self.sets: list[frozenset[str]] = []
        self._discovery = discovery
        self._registry = registry

    async def follow(self) -> None:
        async for addresses in self._discovery.addresses():
            self.sets.append(addresses)

    async def finds(self, *addresses: str) -> None:
        wanted = frozenset(addresses)
        try:
            await eventually(lambda: self.sets[-1:] == [wanted], f"{set(wanted)} are found")
        except AssertionError as error:
            error.add_note(f"found: {self.sets}")
            raise

    def metric(self, name: str, **labels: str) -> float:
        return self._registry.get_sample_value(f"fanscribe_{name}", labels) or 0


@pytest.fixture
async def server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[EndpointSliceServer]:
    """An API server with two splitters, which KUBECONFIG leads to."""
    async with EndpointSliceServer() as running:
        running.put(endpoint_slice("a", [endpoint("10.4.1.7", 1), endpoint("10.4.1.8", 2)]))
        monkeypatch.setenv("KUBECONFIG", str(running.kubeconfig(tmp_path)))
        yield running


@pytest.fixture
def names() -> Names:
    return Names()


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def discovery(names: Names, registry: CollectorRegistry) -> KubernetesDiscovery:
    return discovery_of(names, registry)


@pytest.fixture
async def follower(
    discovery: KubernetesDiscovery, registry: CollectorRegistry
) -> AsyncIterator[Follower]:
    async with following(discovery, registry) as follower:
        yield follower


async def test_pods_come_change_and_go(server: EndpointSliceServer, follower: Follower) -> None:
    await follower.finds(ONE, TWO)
    server.put(endpoint_slice("b", [endpoint("10.4.2.9", 3, ready=False)]))
    server.put(endpoint_slice("b", [endpoint("10.4.2.9", 3)]))
    await follower.finds(ONE, TWO, THREE)
    leaving = endpoint("10.4.1.8", 2, ready=False, terminating=True)
    server.put(endpoint_slice("a", [endpoint("10.4.1.7", 1), leaving]))
    await follower.finds(ONE, THREE)
    server.delete("a")
    await follower.finds(THREE)
    server.put(endpoint_slice("b", None))
    await follower.finds()
    assert server.lists == 1
    assert follower.metric("splitters_listed", source="kubernetes") == 0


async def test_a_watch_that_ends_or_breaks_goes_on_where_it_was(
    server: EndpointSliceServer, follower: Follower
) -> None:
    await follower.finds(ONE, TWO)
    for end in (server.end_watches, server.drop, server.end_watches):
        await eventually(lambda: server.watches == 1, "there is a watch")
        asked = len(server.requests)
        end()
        server.put(endpoint_slice("b", [endpoint("10.4.2.9", 3)]))
        await follower.finds(ONE, TWO, THREE)
        server.delete("b")
        await follower.finds(ONE, TWO)
        assert len(server.requests) > asked
    assert server.lists == 1


async def test_a_bookmark_moves_the_watch_on(
    server: EndpointSliceServer, follower: Follower
) -> None:
    await eventually(lambda: server.watches == 1, "there is a watch")
    for _ in range(3):
        server.bookmark()
    server.put(endpoint_slice("b", [endpoint("10.4.2.9", 3)]))
    server.bookmark()
    await follower.finds(ONE, TWO, THREE)
    server.end_watches()
    told = str(server.version)
    await eventually(
        lambda: server.requests[-1].get("resourceVersion") == told, "the next starts there"
    )
    assert server.requests[-1]["allowWatchBookmarks"] == "true"
    assert server.lists == 1


@pytest.mark.parametrize("as_event", [True, False], ids=["event", "status"])
async def test_a_version_that_is_gone_is_listed_anew(
    as_event: bool, server: EndpointSliceServer, follower: Follower
) -> None:
    server.expired_as_event = as_event
    await eventually(lambda: server.watches == 1, "there is a watch")
    await server.vanish()
    server.put(endpoint_slice("b", [endpoint("10.4.2.9", 3)]))
    server.delete("a")
    server.expire()
    await server.appear()
    await follower.finds(THREE)
    assert server.lists == 2
    assert follower.metric("discovery_failures_total", source="kubernetes", reason="expired") == 0


async def test_without_the_api_server_what_is_known_holds(
    server: EndpointSliceServer, follower: Follower, names: Names
) -> None:
    await follower.finds(ONE, TWO)
    await server.vanish()
    unreachable = {"source": "kubernetes", "reason": "unreachable"}
    await eventually(
        lambda: follower.metric("discovery_failures_total", **unreachable) >= 3, "it is missed"
    )
    server.put(endpoint_slice("b", [endpoint("10.4.2.9", 3)]))
    await server.appear()
    await follower.finds(ONE, TWO, THREE)
    assert follower.sets == [{ONE, TWO}, {ONE, TWO, THREE}]
    assert not names.asked
    assert server.lists == 1


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (status(500, "InternalError", "etcdserver: request timed out"), "status_500"),
        (status(429, "TooManyRequests", "too many requests"), "status_429"),
        (b"<html>502 Bad Gateway</html>", "malformed"),
        (b"{}", "malformed"),
        (b'{"type": "ADDED"}\n', "malformed"),
    ],
)
async def test_answers_that_are_none(
    answer: dict[str, object] | bytes,
    reason: str,
    server: EndpointSliceServer,
    follower: Follower,
) -> None:
    await follower.finds(ONE, TWO)
    if isinstance(answer, bytes):
        server.body = answer
    else:
        server.refusal = answer
    server.end_watches()
    why = {"source": "kubernetes", "reason": reason}
    await eventually(lambda: follower.metric("discovery_failures_total", **why) >= 2, reason)
    server.body = server.refusal = None
    server.put(endpoint_slice("b", [endpoint("10.4.2.9", 3)]))
    await follower.finds(ONE, TWO, THREE)
    assert follower.sets == [{ONE, TWO}, {ONE, TWO, THREE}]


async def test_an_error_in_the_stream_of_a_watch(
    server: EndpointSliceServer, follower: Follower
) -> None:
    await eventually(lambda: server.watches == 1, "there is a watch")
    server.fail_watches(status(500, "InternalError", "storage is unwell"))
    failed = {"source": "kubernetes", "reason": "status_500"}
    await eventually(lambda: follower.metric("discovery_failures_total", **failed) == 1, "told")
    server.put(endpoint_slice("b", [endpoint("10.4.2.9", 3)]))
    await follower.finds(ONE, TWO, THREE)


@pytest.mark.parametrize("code", [401, 403])
async def test_where_it_is_denied_dns_stands_in_until_it_is_not(
    code: int,
    server: EndpointSliceServer,
    follower: Follower,
    names: Names,
    caplog: pytest.LogCaptureFixture,
) -> None:
    server.refusal = {**FORBIDDEN, "code": code}
    await follower.finds(BY_DNS)
    names.addresses = [BY_DNS, ONE]
    await follower.finds(BY_DNS, ONE)
    denied = {"source": "kubernetes", "reason": "denied"}
    await eventually(
        lambda: follower.metric("discovery_failures_total", **denied) >= 3, "it asks again"
    )
    assert follower.metric("splitters_listed", source="dns") == 2
    assert set(names.asked) == {("splitter.speech.svc", 50051)}
    warnings = [record for record in caplog.records if record.levelname == "WARNING"]
    (told,) = [record.getMessage() for record in warnings]
    assert "using DNS" in told
    assert "is forbidden" in told

    server.refusal = None
    await follower.finds(ONE, TWO)
    assert follower.metric("splitters_listed", source="dns") == 0
    # Denied later on, it does not go back to what the API server told before.
    server.put(endpoint_slice("b", [endpoint("10.4.2.9", 3)]))
    await follower.finds(ONE, TWO, THREE)
    server.refusal = FORBIDDEN
    server.end_watches()
    await follower.finds(BY_DNS, ONE)
    asked = len(server.requests)
    await eventually(lambda: len(server.requests) > asked + 2, "it asks again")
    assert follower.sets[-1] == {BY_DNS, ONE}


async def test_a_server_that_has_just_started_may_deny_what_it_allows(
    server: EndpointSliceServer, names: Names, registry: CollectorRegistry
) -> None:
    patient = replace(IMPATIENT, starting_s=60)
    async with following(discovery_of(names, registry, patience=patient), registry) as follower:
        await follower.finds(ONE, TWO)
        await server.vanish()
        server.refusal = FORBIDDEN
        await server.appear()
        denied = {"source": "kubernetes", "reason": "denied"}
        await eventually(
            lambda: follower.metric("discovery_failures_total", **denied) >= 3, "it is refused"
        )
        server.refusal = None
        server.put(endpoint_slice("b", [endpoint("10.4.2.9", 3)]))
        await follower.finds(ONE, TWO, THREE)
        assert follower.sets == [{ONE, TWO}, {ONE, TWO, THREE}]
        assert not names.asked


async def test_before_the_api_server_ever_answered_dns_stands_in(
    server: EndpointSliceServer, names: Names, registry: CollectorRegistry
) -> None:
    server.open_for_answers.clear()
    async with following(discovery_of(names, registry, answer_s=0.2), registry) as follower:
        await follower.finds(BY_DNS)
        server.open_for_answers.set()
        await follower.finds(ONE, TWO)


async def test_without_credentials_dns_stands_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, discovery: KubernetesDiscovery
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    assert await anext(discovery.addresses()) == {BY_DNS}


async def test_stopping_does_not_wait_for_a_slow_answer(
    server: EndpointSliceServer, discovery: KubernetesDiscovery, registry: CollectorRegistry
) -> None:
    server.open_for_answers.clear()
    task = asyncio.create_task(Follower(discovery, registry).follow())
    await eventually(lambda: len(server.requests) == 1, "it is asked")
    async with asyncio.timeout(10):
        task.cancel()
        await asyncio.wait([task])


async def test_stopping_ends_the_watch(
    server: EndpointSliceServer, discovery: KubernetesDiscovery, registry: CollectorRegistry
) -> None:
    task = asyncio.create_task(Follower(discovery, registry).follow())
    await eventually(lambda: server.watches == 1, "there is a watch")
    task.cancel()
    await asyncio.wait([task])
    await eventually(lambda: server.watches == 0, "the connection is closed")
    await eventually(lambda: not discovery_threads(), "the thread has ended")


async def test_dns_is_asked_again_and_again(names: Names, registry: CollectorRegistry) -> None:
    async with following_dns(names.resolve, registry) as follower:
        await follower.finds(BY_DNS)
        names.addresses = [ONE, TWO]
        await follower.finds(ONE, TWO)
        assert follower.metric("splitters_listed", source="dns") == 2
        names.error = socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        failed = {"source": "dns", "reason": "gaierror"}
        await eventually(
            lambda: follower.metric("discovery_failures_total", **failed) >= 2, "it fails"
        )
        names.addresses, names.error = [], None
        await follower.finds()
        assert follower.sets == [{BY_DNS}, {ONE, TWO}, frozenset()]


async def test_dns_that_does_not_answer(registry: CollectorRegistry) -> None:
    answer = threading.Event()

    def slow(*_: object) -> list[str]:
        answer.wait(60)
        return [ONE]

    async with following_dns(slow, registry) as follower:
        late = {"source": "dns", "reason": "TimeoutError"}
        await eventually(lambda: follower.metric("discovery_failures_total", **late) >= 2, "late")
        answer.set()
        await follower.finds(ONE)


def test_the_systems_resolver() -> None:
    assert resolve("127.0.0.1", 50051) == ["127.0.0.1:50051"]
    assert resolve("::1", 50051) == ["[::1]:50051"]
    assert resolve("localhost", 50051) in (["127.0.0.1:50051"], ["[::1]:50051"])
    # No name at all: refused as one that is not there, without a DNS server.
    assert resolve("no such name", 50051) == []


def discovery_of(
    names: Names,
    registry: CollectorRegistry,
    answer_s: float = 30,
    patience: Patience = IMPATIENT,
) -> KubernetesDiscovery:
    metrics = DiscoveryMetrics(registry)
    return KubernetesDiscovery(
        lambda: ServiceEndpointSlices(NAMESPACE, SERVICE, answer_s, watch_s=30),
        "grpc",
        DnsDiscovery("splitter.speech.svc", 50051, metrics, resolve=names.resolve),
        metrics,
        patience,
    )


@asynccontextmanager
async def following(discovery: Discovery, registry: CollectorRegistry) -> AsyncIterator[Follower]:
    follower = Follower(discovery, registry)
    task = asyncio.create_task(follower.follow())
    try:
        yield follower
        assert not task.done()
    finally:
        task.cancel()
        await asyncio.wait([task])


def following_dns(
    answer: Resolve, registry: CollectorRegistry
) -> AbstractAsyncContextManager[Follower]:
    discovery = DnsDiscovery(
        "splitter", 50051, DiscoveryMetrics(registry), resolve=answer, poll_s=0.01, look_up_s=0.1
    )
    return following(discovery, registry)


def discovery_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "discovery"]
