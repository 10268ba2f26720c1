"""The Python client against a real gRPC server that plays scripts."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

import grpc
import pytest

from fanscribe.client import (
    Client,
    Completed,
    Options,
    Plan,
    Progress,
    Segment,
    Task,
    TranscriptionError,
)
from fanscribe.runtime.errors import FanscribeError, Reason
from tests.support.fake_orchestrator import (
    FIRST,
    PLAN,
    WHOLE_JOB,
    Abort,
    Hold,
    Step,
    fake_orchestrator,
)

T = TypeVar("T")
URL = "https://example.org/talk.mp3"


async def soon(happening: Awaitable[T]) -> T:
    async with asyncio.timeout(10):
        return await happening


async def failure_of(*script: Step, timeout_s: float | None = None) -> TranscriptionError:
    async with fake_orchestrator(*script) as server, Client(server.address) as client:
        with pytest.raises(TranscriptionError) as caught:
            await soon(client.transcript(URL, timeout_s=timeout_s))
        return caught.value


async def test_events_come_in_their_order() -> None:
    async with fake_orchestrator(*WHOLE_JOB) as server, Client(server.address) as client:
        events = [event async for event in client.transcribe(URL)]
    assert [type(event) for event in events] == [
        Plan,
        Progress,
        Segment,
        Progress,
        Segment,
        Progress,
        Completed,
    ]


async def test_the_request_says_what_was_asked() -> None:
    options = Options(
        language="en", task=Task.TRANSLATE, macro_chunk_size_sec=60, initial_prompt="Dashwood"
    )
    async with fake_orchestrator(*WHOLE_JOB) as server, Client(server.address) as client:
        await client.transcript(URL, options, timeout_s=60)
    assert server.requests[0].media_url == URL
    assert Options.from_message(server.requests[0].options) == options
    deadline_s = server.deadlines_s[0]
    assert deadline_s is not None
    assert 50 < deadline_s < 70


async def test_a_whole_transcript() -> None:
    async with fake_orchestrator(*WHOLE_JOB) as server, Client(server.address) as client:
        transcript = await client.transcript(URL)
    assert transcript.text == "The first thing said. The second thing."
    assert transcript.plan.job_id == "job-1"
    assert transcript.completed.segments == len(transcript.segments) == 2


async def test_one_client_makes_many_calls() -> None:
    async with fake_orchestrator(*WHOLE_JOB) as server, Client(server.address) as client:
        transcripts = await asyncio.gather(*(client.transcript(URL) for _ in range(5)))
    assert len({transcript.text for transcript in transcripts}) == 1
    assert len(server.requests) == 5


async def test_breaking_off_cancels_the_job() -> None:
    async with fake_orchestrator(PLAN, FIRST, Hold()) as server, Client(server.address) as client:
        async for event in client.transcribe(URL):
            if isinstance(event, Segment):
                break
        await soon(server.cancelled.wait())


async def test_cancelling_the_task_cancels_the_job() -> None:
    async with fake_orchestrator(PLAN, Hold()) as server, Client(server.address) as client:
        task = asyncio.create_task(client.transcript(URL))
        await soon(server.called.wait())
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await soon(server.cancelled.wait())


async def test_closing_the_client_cancels_its_jobs() -> None:
    async with fake_orchestrator(PLAN, Hold()) as server:
        async with Client(server.address) as client:
            task = asyncio.create_task(client.transcript(URL))
            await soon(server.called.wait())
        with pytest.raises(TranscriptionError) as caught:
            await soon(task)
        await soon(server.cancelled.wait())
    assert caught.value.code is grpc.StatusCode.CANCELLED


async def test_an_error_carries_its_reason() -> None:
    error = await failure_of(FanscribeError(Reason.MEDIA_NO_AUDIO, "the recording has no audio"))
    assert error.reason == Reason.MEDIA_NO_AUDIO
    assert error.message == str(error) == "the recording has no audio"
    assert error.code is grpc.StatusCode.FAILED_PRECONDITION


async def test_an_error_may_come_midway() -> None:
    error = await failure_of(PLAN, FIRST, FanscribeError(Reason.MEDIA_CHANGED, "it changed"))
    assert error.reason == Reason.MEDIA_CHANGED


async def test_the_deadline() -> None:
    error = await failure_of(PLAN, Hold(), timeout_s=0.2)
    assert error.reason == Reason.DEADLINE_EXCEEDED
    assert error.code is grpc.StatusCode.DEADLINE_EXCEEDED


async def test_a_job_that_the_server_cancels_is_an_error() -> None:
    error = await failure_of(PLAN, Abort(grpc.StatusCode.CANCELLED, "enough"))
    assert error.code is grpc.StatusCode.CANCELLED


async def test_a_status_without_reason_is_named_by_its_code() -> None:
    error = await failure_of(Abort(grpc.StatusCode.UNAUTHENTICATED, "no token"))
    assert error.reason == "UNAUTHENTICATED"
    assert "no token" in error.message


async def test_an_end_without_completed_is_an_error() -> None:
    error = await failure_of(PLAN, FIRST)
    assert error.reason == Reason.INTERNAL


async def test_nobody_there() -> None:
    async with Client("127.0.0.1:1") as client:
        with pytest.raises(TranscriptionError) as caught:
            await soon(client.transcript(URL))
    assert caught.value.code is grpc.StatusCode.UNAVAILABLE
    assert "127.0.0.1:1" in caught.value.message


async def test_a_server_that_is_no_orchestrator() -> None:
    server = grpc.aio.server()
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with Client(f"127.0.0.1:{port}") as client:
        with pytest.raises(TranscriptionError, match="not a fanscribe orchestrator"):
            await soon(client.transcript(URL))
    await server.stop(None)


async def test_a_client_is_opened_first() -> None:
    with pytest.raises(RuntimeError, match="async with"):
        await Client("127.0.0.1:1").transcript(URL)
