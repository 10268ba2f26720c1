"""A media host that breaks while a job runs: the same text or the right error, and nothing left."""

import random
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest

from fanscribe.client import Client, Options, Transcript, TranscriptionError
from fanscribe.client.local_stack import LocalStack
from fanscribe.runtime.errors import Reason
from tests.support.range_server import Fault, RangeServer
from tests.support.speech import Recording
from tests.support.stack import nothing_left_running

RANDOM = random.Random(11)
OPTIONS = Options(macro_chunk_size_sec=30)


@pytest.fixture(scope="module")
async def undisturbed(client: Client, speech_url: str) -> Transcript:
    return await client.transcript(speech_url, OPTIONS)


@pytest.fixture
async def host(media_folder: Path) -> AsyncIterator[RangeServer]:
    async with RangeServer(media_folder) as server:
        yield server


@pytest.mark.parametrize(
    "faults",
    [
        [Fault(reset_after_bytes=RANDOM.randrange(60_000), times=1) for _ in range(30)],
        [Fault(end_after_bytes=RANDOM.randrange(60_000), times=1) for _ in range(30)],
        [
            *[Fault(times=5), Fault(status=500, times=3)],
            *[Fault(times=5), Fault(status=429, headers={"Retry-After": "1"}, times=3)],
        ],
    ],
    ids=["resets", "ends", "bursts"],
)
async def test_passing_faults_do_not_show_in_the_text(
    *,
    client: Client,
    stack: LocalStack,
    host: RangeServer,
    speech: Recording,
    undisturbed: Transcript,
    faults: list[Fault],
) -> None:
    url = host.add(speech.path.name, speech.path, faults=faults)
    heard = await client.transcript(url, OPTIONS, timeout_s=120)
    assert heard.segments == undisturbed.segments
    assert not host.document(speech.path.name).faults
    await nothing_left_running(stack, host)


async def test_a_recording_replaced_while_its_job_runs(
    client: Client, stack: LocalStack, host: RangeServer, speech: Recording
) -> None:
    content = speech.path.read_bytes()
    url = host.add("replaced", content)

    async def transcribe() -> None:
        async with aclosing(client.transcribe(url, OPTIONS, timeout_s=120)) as events:
            async for _ in events:
                host.replace("replaced", content[:-1] + b"x")

    with pytest.raises(TranscriptionError) as refused:
        await transcribe()
    assert refused.value.reason == Reason.MEDIA_CHANGED
    await nothing_left_running(stack, host)
