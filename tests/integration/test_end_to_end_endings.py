"""However a job ends before its time, nothing of it goes on."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing

import grpc
import pytest

from fanscribe.client import Client, Options, TranscriptionError
from fanscribe.client.local_stack import LocalStack
from fanscribe.runtime.errors import Reason
from tests.support.metrics import scrape
from tests.support.polling import eventually
from tests.support.processes import Quiet
from tests.support.range_server import RangeServer
from tests.support.speech import Recording
from tests.support.stack import first_segment, metrics_of, nothing_left_running

# Long macro chunks put as much on Triton as splitters ever do; short windows let it finish soon
# what it has begun.
PLENTY = Options(macro_chunk_size_sec=3600, micro_chunk_size_sec=5)
MANY_CHUNKS = Options(macro_chunk_size_sec=30, micro_chunk_size_sec=5)


@pytest.fixture(autouse=True)
async def clean(
    stack: LocalStack, client: Client, clips: list[Recording], media_host: RangeServer
) -> AsyncIterator[None]:
    """Afterwards nothing is left, and Triton does the next job's windows and no others."""
    yield
    await nothing_left_running(stack, media_host)
    await eventually(Quiet(stack.inference.pid).holds, "Triton computes nothing")
    done, heard = await windows_done(stack), await windows_heard(stack)
    await client.transcript(media_host.url(clips[0].path.name))
    own = await windows_heard(stack) - heard
    assert own > 0

    async def counted() -> bool:
        # Triton counts a window some time after it has sent its text.
        return await windows_done(stack) - done == own

    await eventually(counted, "Triton has done the windows of the next job and no others")


async def test_leaving_the_call_ends_the_job(
    stack: LocalStack, client: Client, ten_hours_url: str
) -> None:
    cancelled = await jobs_ended(stack, "CANCELLED")
    async with aclosing(client.transcribe(ten_hours_url, PLENTY)) as job:
        await first_segment(job)
    await noticed(stack, "CANCELLED", cancelled)


async def test_the_death_of_the_client_ends_the_job(stack: LocalStack, ten_hours_url: str) -> None:
    cancelled = await jobs_ended(stack, "CANCELLED")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "fanscribe.client", "transcribe"),
        *("--server", stack.address, ten_hours_url),
        *("--macro-chunk-size-sec", "3600", "--micro-chunk-size-sec", "5"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert process.stdout is not None
    async with asyncio.timeout(60):
        assert await process.stdout.readline()  # the first text
    os.kill(process.pid, signal.SIGKILL)
    await process.communicate()
    await noticed(stack, "CANCELLED", cancelled)


async def test_the_deadline_of_the_call_ends_the_job(
    stack: LocalStack, client: Client, ten_hours_url: str
) -> None:
    late = await jobs_ended(stack, "DEADLINE_EXCEEDED")
    with pytest.raises(TranscriptionError) as failure:
        await client.transcript(ten_hours_url, PLENTY, timeout_s=3)
    assert failure.value.code is grpc.StatusCode.DEADLINE_EXCEEDED
    await noticed(stack, "DEADLINE_EXCEEDED", late)


async def test_a_failure_ends_the_rest_of_the_job(
    client: Client, media_host: RangeServer, ten_hours_url: str
) -> None:
    recording = media_host.document(ten_hours_url.rpartition("/")[2])
    url = media_host.add("soon_changed.m4a", recording.content)
    async with aclosing(client.transcribe(url, MANY_CHUNKS)) as job:
        await first_segment(job)
        media_host.document("soon_changed.m4a").etag = '"another"'
        with pytest.raises(TranscriptionError) as failure:
            _ = [event async for event in job]
    assert failure.value.code is grpc.StatusCode.ABORTED
    assert failure.value.reason == Reason.MEDIA_CHANGED


async def jobs_ended(stack: LocalStack, reason: str) -> float:
    page = await metrics_of(stack.orchestrator)
    return page.total("fanscribe_jobs_total", reason=reason)


async def noticed(stack: LocalStack, reason: str, before: float) -> None:
    """Wait until the orchestrator has counted one more job that ended so."""

    async def counted() -> bool:
        return await jobs_ended(stack, reason) == before + 1

    await eventually(counted, "the orchestrator notices that the caller is gone")


async def windows_done(stack: LocalStack) -> float:
    """Windows that Triton has worked on."""
    page = await scrape(stack.inference.metrics_address)
    return page.total("nv_inference_request_success_total")


async def windows_heard(stack: LocalStack) -> float:
    """Windows whose text has reached a splitter."""
    pages = [await metrics_of(splitter) for splitter in stack.splitters]
    return sum(
        page.total("fanscribe_splitter_micro_chunks_total", outcome=outcome)
        for page in pages
        for outcome in ("text", "empty")
    )
