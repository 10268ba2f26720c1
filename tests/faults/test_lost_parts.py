"""Parts that die, stop or hang in the middle of a job: the same text, or a clear error."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from pathlib import Path

import grpc
import pytest

from fanscribe.client import (
    Client,
    Transcript,
    TranscriptionError,
)
from fanscribe.client.local_stack import LocalStack
from fanscribe.runtime.errors import Reason
from tests.support.audio import encode
from tests.support.jobs import OPTIONS, events_of, has_sent_text, same_text
from tests.support.polling import eventually
from tests.support.processes import all_gone, media_processes
from tests.support.range_server import Fault, RangeServer
from tests.support.speech import Recording
from tests.support.stack import (
    Cluster,
    first_segment,
    is_idle,
    metrics_of,
    nothing_left_running,
    orchestrator,
    service,
    splitters,
)


@pytest.fixture(scope="module")
def url(speech: Recording, media_folder: Path, media_host: RangeServer) -> str:
    """Where two minutes of speech are."""
    return media_host.url(encode(speech.path, media_folder / "two_minutes.flac", "-t", "120").name)


@pytest.fixture(scope="module")
async def undisturbed(client: Client, url: str) -> Transcript:
    """What the shared stack hears there when nothing goes wrong."""
    return await client.transcript(url, OPTIONS)


StartCluster = Callable[..., AbstractAsyncContextManager[Cluster]]


@pytest.fixture
def cluster(stack: LocalStack, tmp_path: Path) -> StartCluster:
    """Start splitters, and an orchestrator with settings of the test's, on the shared Triton."""

    @asynccontextmanager
    async def start(
        count: int = 2, splitter_drain_s: float = 5, **settings: object
    ) -> AsyncIterator[Cluster]:
        # Few windows at a time: texts come one by one, and ffmpeg runs for as long as a chunk.
        how = {"inference_in_flight": 2, "drain_s": splitter_drain_s}
        async with (
            splitters(count, stack.inference.address, tmp_path, **how) as hands,
            orchestrator(hands, tmp_path, **settings) as running,
        ):
            yield running

    return start


async def test_a_killed_splitter_costs_attempts_and_no_word(
    cluster: StartCluster, undisturbed: Transcript, url: str, media_host: RangeServer
) -> None:
    async with cluster() as running, Client(running.address) as client:
        victim, survivor = running.splitters
        job = asyncio.create_task(events_of(client, url))
        await has_sent_text(victim)
        children = media_processes(victim.pid)
        os.kill(victim.pid, signal.SIGKILL)

        events = await job
        completed = same_text(events, undisturbed)
        assert completed.macro_chunk_attempts > completed.macro_chunks
        page = await metrics_of(survivor)
        assert page.total("fanscribe_splitter_micro_chunks_total", outcome="kept") > 0
        assert children
        await eventually(lambda: all_gone(children), "ffmpeg ends with its splitter")
        await nothing_left_running(running, media_host)


@pytest.mark.parametrize("drain_s", [60, 0], ids=["finishing", "handing_back"])
async def test_a_splitter_that_is_told_to_stop_loses_nothing(
    drain_s: float,
    cluster: StartCluster,
    undisturbed: Transcript,
    url: str,
    media_host: RangeServer,
) -> None:
    async with (
        cluster(splitter_drain_s=drain_s) as running,
        Client(running.address) as client,
    ):
        leaver = running.splitters[0]
        job = asyncio.create_task(events_of(client, url))
        await has_sent_text(leaver)
        os.kill(leaver.pid, signal.SIGTERM)
        async with asyncio.timeout(60):
            assert await leaver.wait() == 0

        same_text(await job, undisturbed)
        page = await metrics_of(running.orchestrator)
        lost = page.total("fanscribe_chunk_attempts_total", outcome="lost")
        assert (lost > 0) == (drain_s == 0)
        await nothing_left_running(running, media_host)


async def test_a_splitter_that_comes_back_goes_on(
    cluster: StartCluster,
    stack: LocalStack,
    undisturbed: Transcript,
    url: str,
    tmp_path: Path,
) -> None:
    async with cluster(count=1) as running, Client(running.address) as client:
        victim = running.splitters[0]
        job = asyncio.create_task(events_of(client, url))
        await has_sent_text(victim)
        await victim.kill()
        port = victim.address.rpartition(":")[2]
        async with service(
            "splitter", tmp_path, inference_address=stack.inference.address, port=port
        ):
            same_text(await job, undisturbed)


async def test_a_triton_that_comes_back_goes_on(
    undisturbed: Transcript, url: str, media_host: RangeServer, tmp_path: Path
) -> None:
    async with service("inference", tmp_path, model="tiny.en") as victim:
        port = victim.address.rpartition(":")[2]
        async with (
            splitters(2, victim.address, tmp_path, inference_in_flight=2) as hands,
            orchestrator(hands, tmp_path) as running,
            Client(running.address) as client,
        ):
            job = asyncio.create_task(events_of(client, url))
            await has_sent_text(hands[0])
            await victim.kill()
            async with service("inference", tmp_path, model="tiny.en", port=port):
                same_text(await job, undisturbed)
                pages = [await metrics_of(splitter) for splitter in hands]
                retries = "fanscribe_splitter_inference_retries_total"
                assert sum(page.total(retries) for page in pages) > 0
                await nothing_left_running(running, media_host)


async def test_without_any_splitter_left_the_job_fails_in_time(
    cluster: StartCluster, url: str
) -> None:
    async with (
        cluster(splitter_wait_s=1) as running,
        Client(running.address) as client,
    ):
        job = asyncio.create_task(events_of(client, url))
        await has_sent_text(running.splitters[0])
        for splitter in running.splitters:
            await splitter.kill()
        with pytest.raises(TranscriptionError, match="no splitter") as failure:
            await job
        assert failure.value.reason == Reason.SPLITTERS_UNAVAILABLE
        assert failure.value.code is grpc.StatusCode.UNAVAILABLE


async def test_attempts_are_bounded(cluster: StartCluster, url: str) -> None:
    async with (
        cluster(chunk_attempts=1) as running,
        Client(running.address) as client,
    ):
        job = asyncio.create_task(events_of(client, url))
        await has_sent_text(running.splitters[0])
        await running.splitters[0].kill()
        with pytest.raises(TranscriptionError, match="failed 1 times") as failure:
            await job
        assert failure.value.reason == Reason.SPLITTERS_UNAVAILABLE
        assert failure.value.code is grpc.StatusCode.UNAVAILABLE
        await eventually(lambda: is_idle(running.splitters[1]), "the other splitter stops too")


async def test_a_chunk_that_hangs_is_given_to_another(
    cluster: StartCluster, clips: list[Recording], media_folder: Path, media_host: RangeServer
) -> None:
    # Of a wav, the probe reads no more than the beginning.
    path = encode(clips[3].path, media_folder / "will_hang.wav")
    async with (
        cluster(chunk_timeout_s=4) as running,
        Client(running.address) as client,
    ):
        expected = await client.transcript(media_host.url(path.name))
        hang = Fault(stall_after_bytes=0, times=1, first_byte_from=path.stat().st_size // 3)
        heard = await client.transcript(media_host.add("hangs.wav", path, faults=[hang]))
        assert media_host.document("hangs.wav").faults == []
        assert heard.segments == expected.segments
        assert heard.completed.macro_chunk_attempts == heard.completed.macro_chunks + 1


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
async def test_splitters_drop_the_chunks_of_an_orchestrator_that_is_gone(
    how: signal.Signals,
    stack: LocalStack,
    ten_hours_url: str,
    media_host: RangeServer,
    tmp_path: Path,
) -> None:
    async with (
        orchestrator(stack.splitters[:2], tmp_path, drain_s=0.2) as running,
        Client(running.address) as client,
        aclosing(client.transcribe(ten_hours_url, OPTIONS)) as job,
    ):
        await first_segment(job)
        os.kill(running.orchestrator.pid, how)
        with pytest.raises(TranscriptionError):
            _ = [event async for event in job]
        async with asyncio.timeout(30):
            status = await running.orchestrator.wait()
        assert status == (0 if how == signal.SIGTERM else -how)
        await nothing_left_running(running, media_host)


async def test_an_orchestrator_that_is_told_to_stop_finishes_its_jobs(
    stack: LocalStack, undisturbed: Transcript, url: str, tmp_path: Path
) -> None:
    async with (
        orchestrator(stack.splitters[:2], tmp_path, drain_s=60) as running,
        Client(running.address) as client,
        aclosing(client.transcribe(url, OPTIONS)) as job,
    ):
        await anext(job)
        os.kill(running.orchestrator.pid, signal.SIGTERM)
        same_text([event async for event in job], undisturbed)
        async with asyncio.timeout(30):
            assert await running.orchestrator.wait() == 0
