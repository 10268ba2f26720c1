"""Streams to splitters as the discovery lists them and no more; splitters follow a script."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from grpc import aio
from prometheus_client import CollectorRegistry

from fanscribe.media.recording import Recording
from fanscribe.media.source import Source
from fanscribe.media.timeline import Span
from fanscribe.orchestrator.ledger import MicroResult
from fanscribe.orchestrator.metrics import OrchestratorMetrics
from fanscribe.orchestrator.options import Options
from fanscribe.orchestrator.planner import MacroChunk
from fanscribe.orchestrator.scheduler import Scheduler
from fanscribe.orchestrator.splitters import SplitterPool
from fanscribe.orchestrator.work import ChunkOrder
from fanscribe.runtime.errors import FanscribeError
from fanscribe.runtime.server import Bind, Server
from fanscribe.runtime.tls import ClientCredentials, ServerTls
from fanscribe.v1 import splitter_pb2 as pb
from fanscribe.v1 import splitter_pb2_grpc
from tests.support.certificates import Authority
from tests.support.polling import eventually

CHUNK_SAMPLES = 16000 * 30


class Script(splitter_pb2_grpc.SplitterServicer):
    """A splitter with two slots that does what the test says."""

    def __init__(self) -> None:
        self.address = ""
        self.in_hand: dict[int, pb.ChunkRef] = {}
        self.sessions = 0
        self.open_sessions = 0
        self._responses: asyncio.Queue[pb.SplitResponse | None] = asyncio.Queue()
        self._received = 0

    async def Split(  # noqa: N802
        self,
        request_iterator: AsyncIterator[pb.SplitRequest],
        context: aio.ServicerContext[Any, Any],
    ) -> AsyncGenerator[pb.SplitResponse, None]:
        self.sessions += 1
        self.open_sessions += 1
        self._responses, self._received = asyncio.Queue(), 0
        receiving = asyncio.create_task(self._receive(request_iterator))
        try:
            self.tell_capacity()
            while (response := await self._responses.get()) is not None:
                yield response
        finally:
            self.open_sessions -= 1
            self.in_hand.clear()
            receiving.cancel()

    def tell_capacity(self, *, draining: bool = False) -> None:
        free = 0 if draining else 2 - len(self.in_hand)
        capacity = pb.Capacity(
            slots=2, free_slots=free, draining=draining, assignments_received=self._received
        )
        self._responses.put_nowait(pb.SplitResponse(capacity=capacity))

    def finish(self, index: int) -> None:
        done = pb.ChunkDone(chunk=self.in_hand.pop(index), end_sample=(index + 1) * CHUNK_SAMPLES)
        self._responses.put_nowait(pb.SplitResponse(chunk_done=done))
        self.tell_capacity()

    def end_session(self) -> None:
        self._responses.put_nowait(None)

    async def _receive(self, requests: AsyncIterator[pb.SplitRequest]) -> None:
        async for request in requests:
            if request.WhichOneof("request") == "assignment":
                self._received += 1
                self.in_hand[request.assignment.chunk.chunk_index] = request.assignment.chunk


@asynccontextmanager
async def serving(tls: ServerTls | None = None) -> AsyncIterator[Script]:
    script = Script()
    server = Server(["fanscribe.v1.Splitter"])
    splitter_pb2_grpc.add_SplitterServicer_to_server(script, server.grpc)
    async with server.listening(Bind("127.0.0.1", 0), grace_s=0, tls=tls) as bound:
        script.address = str(bound)
        yield script


@dataclass(eq=False)
class StandIn:
    """A job that wants its chunks done."""

    job_id: str = "job"
    done: list[int] = field(default_factory=list)

    def order(self, chunk: MacroChunk) -> ChunkOrder:
        recording = Recording(Source("https://x/y", 1), "wav", "", 0, 0, 0)
        options = Options(30, 5, "en", False, False, "")
        return ChunkOrder(recording, options, [], None, {})

    def outstanding_samples(self) -> int:
        return 0

    def outstanding_chunks(self) -> int:
        return 0

    def remaining_samples(self, chunk: MacroChunk) -> int:
        return chunk.span.samples

    def micro_received(self, chunk: MacroChunk, result: MicroResult) -> None:
        raise AssertionError("the script tells no text")

    def attempt_ended(self, bytes_fetched: int, warnings: list[str]) -> None:
        pass

    def chunk_done(self, chunk: MacroChunk, end_sample: int) -> None:
        self.done.append(chunk.index)

    def chunk_failed(self, error: FanscribeError) -> None:
        raise error


class Listed:
    """A discovery that the test tells what to find."""

    def __init__(self) -> None:
        self._sets: asyncio.Queue[frozenset[str]] = asyncio.Queue()

    def tell(self, *splitters: Script) -> None:
        self._sets.put_nowait(frozenset(splitter.address for splitter in splitters))

    async def addresses(self) -> AsyncGenerator[frozenset[str], None]:
        while True:
            yield await self._sets.get()


@dataclass
class Orchestrator:
    """The parts of one that deal with splitters, and a job."""

    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    job: StandIn = field(default_factory=StandIn)
    listed: Listed = field(default_factory=Listed)
    credentials: ClientCredentials | None = None

    def __post_init__(self) -> None:
        loop = asyncio.get_running_loop()
        metrics = OrchestratorMetrics(self.registry)
        self.scheduler = Scheduler(metrics, loop.call_later, attempts=2, chunk_timeout_s=60)
        self.pool = SplitterPool(self.listed, self.scheduler, 60, self.credentials)
        self.scheduler.admit(self.job)

    def submit(self, *indexes: int) -> None:
        for index in indexes:
            span = Span(index * CHUNK_SAMPLES, (index + 1) * CHUNK_SAMPLES)
            self.scheduler.submit(self.job, MacroChunk(index, span, to_end=False))

    @property
    def lost(self) -> float:
        name = "fanscribe_chunk_attempts_total"
        return self.registry.get_sample_value(name, {"outcome": "lost"}) or 0


@asynccontextmanager
async def orchestrating(
    credentials: ClientCredentials | None = None,
) -> AsyncIterator[Orchestrator]:
    running = Orchestrator(credentials=credentials)
    task = asyncio.create_task(running.pool.run())
    yield running
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()


@pytest.fixture
async def orchestrator() -> AsyncIterator[Orchestrator]:
    async with orchestrating() as running:
        yield running


async def has(splitter: Script, *indexes: int) -> None:
    await eventually(lambda: set(splitter.in_hand) == set(indexes), f"it has {indexes}")


async def test_an_unlisted_splitter_finishes_and_gets_nothing_new(
    orchestrator: Orchestrator,
) -> None:
    async with serving() as leaver, serving() as other:
        orchestrator.listed.tell(leaver)
        orchestrator.submit(0, 1)
        await has(leaver, 0, 1)
        orchestrator.listed.tell(other)
        await eventually(lambda: other.open_sessions == 1, "the other has a stream")
        orchestrator.submit(2, 3, 4)
        await has(other, 2, 3)
        # A slot is free here, and nobody is sent to it.
        leaver.finish(1)
        await eventually(lambda: orchestrator.job.done == [1], "1 is done")
        other.finish(2)
        await has(other, 3, 4)
        assert set(leaver.in_hand) == {0}
        leaver.finish(0)
        await eventually(lambda: leaver.open_sessions == 0, "its stream ends with the last chunk")
        assert orchestrator.job.done == [1, 2, 0]
        assert orchestrator.scheduler.splitters == 1
        assert (leaver.sessions, orchestrator.lost) == (1, 0)


async def test_an_unlisted_splitter_with_nothing_in_hand_is_left_at_once(
    orchestrator: Orchestrator,
) -> None:
    async with serving() as splitter:
        orchestrator.listed.tell(splitter)
        await eventually(lambda: orchestrator.scheduler.splitters == 1, "it is connected")
        orchestrator.listed.tell()
        await eventually(lambda: splitter.open_sessions == 0, "its stream ends")
        assert orchestrator.scheduler.splitters == 0
        orchestrator.listed.tell(splitter)
        await eventually(lambda: splitter.sessions == 2, "listed again, it has a stream again")


async def test_a_splitter_that_is_listed_again_goes_on(orchestrator: Orchestrator) -> None:
    async with serving() as splitter:
        orchestrator.listed.tell(splitter)
        orchestrator.submit(0)
        await has(splitter, 0)
        orchestrator.listed.tell()
        splitter.tell_capacity()
        orchestrator.submit(1)
        orchestrator.listed.tell(splitter)
        await has(splitter, 0, 1)
        assert splitter.sessions == 1


async def test_an_unlisted_splitter_whose_stream_breaks_is_not_asked_again(
    orchestrator: Orchestrator,
) -> None:
    async with serving() as leaver, serving() as other:
        orchestrator.listed.tell(leaver)
        orchestrator.submit(0)
        await has(leaver, 0)
        orchestrator.listed.tell(other)
        await eventually(lambda: other.open_sessions == 1, "the other has a stream")
        leaver.end_session()
        await has(other, 0)
        other.finish(0)
        await eventually(lambda: orchestrator.job.done == [0], "it is done")
        assert (leaver.sessions, orchestrator.lost) == (1, 1)


async def test_listing_back_and_forth_leaves_one_stream(orchestrator: Orchestrator) -> None:
    async with serving() as splitter:
        for _ in range(20):
            orchestrator.listed.tell(splitter)
            orchestrator.listed.tell()
        orchestrator.listed.tell(splitter)
        orchestrator.submit(0, 1)
        await has(splitter, 0, 1)
        assert splitter.open_sessions == 1
        assert orchestrator.lost == 0


async def test_an_address_that_nobody_answers_at_is_left(orchestrator: Orchestrator) -> None:
    async with serving() as splitter:
        nobody = Script()
        nobody.address = "127.0.0.1:1"
        orchestrator.listed.tell(nobody, splitter)
        await eventually(lambda: orchestrator.scheduler.splitters == 1, "one is connected")
        orchestrator.listed.tell(splitter)
        orchestrator.submit(0, 1)
        await has(splitter, 0, 1)


async def test_the_next_stream_shows_the_certificate_that_counts_then(tmp_path: Path) -> None:
    ours, others = Authority(tmp_path / "ours"), Authority(tmp_path / "others")
    own = ours.issue("own", "orchestrator")
    its = ours.issue("its", "splitters.speech.svc")
    credentials = ClientCredentials(own.client("splitters.speech.svc"))
    async with orchestrating(credentials) as orchestrator, serving(its.server()) as splitter:
        orchestrator.listed.tell(splitter)
        orchestrator.submit(0)
        await has(splitter, 0)
        # Everything is of another authority now; the stream that is open stays.
        others.renew(its, "splitters.speech.svc")
        others.renew(own, "orchestrator")
        splitter.finish(0)
        await eventually(lambda: orchestrator.job.done == [0], "0 is done")
        assert splitter.sessions == 1
        splitter.end_session()
        orchestrator.submit(1)
        await has(splitter, 1)
        assert splitter.sessions == 2
        splitter.finish(1)
        await eventually(lambda: orchestrator.job.done == [0, 1], "1 is done")
