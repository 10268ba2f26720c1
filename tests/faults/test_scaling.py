"""Splitters that Kubernetes adds and takes away under jobs: every text as if it had not."""

import asyncio
import itertools
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from fanscribe.client import Client, Transcript
from fanscribe.client.events import Event
from fanscribe.client.local_stack import LocalStack
from fanscribe.client.service_process import ServiceProcess
from tests.support.audio import encode
from tests.support.endpoint_slices import NAMESPACE, SERVICE, EndpointSliceServer
from tests.support.fleet import Fleet
from tests.support.jobs import OPTIONS, events_of, has_sent_text, same_text
from tests.support.metrics import Page
from tests.support.polling import eventually
from tests.support.range_server import RangeServer
from tests.support.speech import Recording
from tests.support.stack import Cluster, metrics_of, nothing_left_running, service

# Jobs that share a Triton share its batches, and a time stamp may come out one step of Whisper's
# earlier or later than in a batch of other neighbours. It does so without any splitter lost, too.
TIMES_WITHIN_MS = 20

_log = logging.getLogger(__name__)

# Which parts of the speech the four jobs are about, by where they start in seconds.
PARTS = {"a.flac": 0, "b.wav": 10, "c.flac": 20, "d.wav": 30}


@pytest.fixture
async def server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[EndpointSliceServer]:
    """The API server of the cluster."""
    async with EndpointSliceServer() as running:
        monkeypatch.setenv("KUBECONFIG", str(running.kubeconfig(tmp_path)))
        yield running


StartFleet = Callable[..., AbstractAsyncContextManager[Fleet]]


@pytest.fixture
def fleet(stack: LocalStack, server: EndpointSliceServer, tmp_path: Path) -> StartFleet:
    """Start splitters on the shared Triton."""

    @asynccontextmanager
    async def start(count: int, drain_s: float) -> AsyncIterator[Fleet]:
        # Few windows at a time: splitters go in the middle of chunks.
        how = {"inference_in_flight": 2, "drain_s": drain_s}
        async with Fleet(server, stack.inference.address, tmp_path, **how) as running:
            for _ in range(count):
                await running.add()
            yield running

    return start


@pytest.fixture
async def orchestrator(
    server: EndpointSliceServer, tmp_path: Path
) -> AsyncIterator[ServiceProcess]:
    """One that finds splitters by the API server."""
    async with service(
        "orchestrator",
        tmp_path,
        discovery="kubernetes",
        namespace=NAMESPACE,
        splitter_service=SERVICE,
        # A chunk may meet with several that are killed.
        chunk_attempts=20,
    ) as running:
        await eventually(lambda: server.watches == 1, "it watches")
        yield running


@dataclass(frozen=True)
class Spoken:
    """A recording, and what is heard there when nothing happens."""

    url: str
    calm: Transcript


@pytest.fixture
async def clip(client: Client, clips: list[Recording], media_host: RangeServer) -> Spoken:
    """A short one."""
    url = media_host.url(clips[0].path.name)
    return Spoken(url, await client.transcript(url, OPTIONS))


@pytest.fixture
async def spoken(
    client: Client, speech: Recording, media_folder: Path, media_host: RangeServer
) -> list[Spoken]:
    """Some minutes each, heard by the shared stack."""
    paths = [
        encode(speech.path, media_folder / name, "-ss", str(start_s))
        for name, start_s in PARTS.items()
    ]
    urls = [media_host.add(path.name, path) for path in paths]
    return [Spoken(url, await client.transcript(url, OPTIONS)) for url in urls]


async def test_splitters_come_and_go_under_a_job(
    fleet: StartFleet,
    orchestrator: ServiceProcess,
    server: EndpointSliceServer,
    clip: Spoken,
    media_host: RangeServer,
) -> None:
    async with fleet(1, drain_s=60) as running, Client(orchestrator.address) as caller:
        job = asyncio.create_task(events_of(caller, clip.url))
        (leaver,) = running.splitters
        await has_sent_text(leaver)
        newcomer = await running.add()
        await eventually(lambda: connected(orchestrator, 2), "the newcomer is found")
        async with asyncio.timeout(60):
            assert await running.drain(leaver) == 0
        second = asyncio.create_task(events_of(caller, clip.url))
        for completed in (same_text(await job, clip.calm), same_text(await second, clip.calm)):
            # The one that was told to go has finished what it had.
            assert completed.macro_chunk_attempts == completed.macro_chunks
        page = await metrics_of(newcomer)
        assert page.total("fanscribe_splitter_macro_chunks_total", outcome="done") > 0
        assert (await metrics_of(orchestrator)).total("fanscribe_splitters_listed") == 1
        await nothing_left_running(Cluster(orchestrator, running.splitters), media_host)
        server.put_none()
        await eventually(lambda: connected(orchestrator, 0), "no stream is left")


@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_four_jobs_while_splitters_are_added_drained_and_killed(
    fleet: StartFleet,
    orchestrator: ServiceProcess,
    spoken: list[Spoken],
    media_host: RangeServer,
    record_property: Callable[[str, object], None],
) -> None:
    async with fleet(3, drain_s=3) as running, Client(orchestrator.address) as caller:
        jobs = [asyncio.create_task(events_of(caller, one.url, deadline_s=600)) for one in spoken]
        gone = await churned(running, jobs)
        done = [
            same_text(await job, one.calm, TIMES_WITHIN_MS)
            for job, one in zip(jobs, spoken, strict=True)
        ]
        assert gone["drained"] >= 2
        assert gone["killed"] >= 2
        page = await metrics_of(orchestrator)
        report = {**gone, "chunks": sum(one.macro_chunks for one in done), **attempts(page)}
        assert report["done"] == report["chunks"]
        # Who is out of time hands its chunks back as lost, or as failed with the model's calls.
        assert (report["overdue"], report["refused"]) == (0, 0)
        assert report["attempts"] == sum(one.macro_chunk_attempts for one in done)
        for name, number in report.items():
            record_property(name, number)
        _log.info("%s", report)
        await nothing_left_running(Cluster(orchestrator, running.splitters), media_host)


async def churned(fleet: Fleet, jobs: list[asyncio.Task[list[Event]]]) -> dict[str, int]:
    """Add a splitter, and drain or kill the oldest, again and again until the jobs are done."""
    gone = {"drained": 0, "killed": 0}
    async with asyncio.TaskGroup() as group:
        for how in itertools.cycle(gone):
            if all(job.done() for job in jobs):
                return gone
            await fleet.add()
            oldest = fleet.splitters[0]
            if how == "drained":
                group.create_task(fleet.drain(oldest))
            else:
                await fleet.kill(oldest)
            gone[how] += 1
            # A few seconds for the others to get on.
            await asyncio.wait(jobs, timeout=2)
    raise AssertionError("never ends by itself")


def attempts(page: Page) -> dict[str, int]:
    """Attempts at macro chunks by outcome."""
    name = "fanscribe_chunk_attempts_total"
    outcomes = ("done", "lost", "failed", "overdue", "refused")
    counts = {outcome: int(page.total(name, outcome=outcome)) for outcome in outcomes}
    return {"attempts": sum(counts.values()) - counts["refused"], **counts}


async def connected(orchestrator: ServiceProcess, splitters: int) -> bool:
    page = await metrics_of(orchestrator)
    return page.total("fanscribe_splitters_connected") == splitters
