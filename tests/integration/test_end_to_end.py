"""Real speech through the whole of fanscribe: the right words, whatever the number of hands."""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from pathlib import Path

import pytest
from faster_whisper import BatchedInferencePipeline, WhisperModel

from fanscribe.client import Client, Completed, Options, Plan, Progress, Segment, Transcript
from fanscribe.client.events import Event
from fanscribe.client.local_stack import LocalStack
from fanscribe.inference.settings import InferenceSettings
from fanscribe.inference.weights import resolve_weights
from tests.support.metrics import scrape
from tests.support.range_server import RangeServer
from tests.support.speech import Recording, word_error_rate
from tests.support.stack import nothing_left_running, orchestrator

MANY_CHUNKS = Options(macro_chunk_size_sec=30)


@pytest.fixture(scope="module")
async def transcript(client: Client, speech_url: str) -> Transcript:
    """What the shared stack hears in `speech`."""
    return await client.transcript(speech_url, MANY_CHUNKS)


def whole_file_text(path: Path) -> str:
    """What faster-whisper's batched pipeline hears, with the weights of the stack."""
    weights = resolve_weights("tiny.en", InferenceSettings().cache_dir)
    model = WhisperModel(str(weights), device="cpu", compute_type="int8")
    segments, _ = BatchedInferencePipeline(model).transcribe(
        str(path), batch_size=8, beam_size=1, temperature=0.0, language="en"
    )
    return " ".join(segment.text for segment in segments)


async def test_text_is_as_good_as_that_of_a_batched_whisper_of_the_whole_file(
    transcript: Transcript, speech: Recording
) -> None:
    baseline = await asyncio.to_thread(whole_file_text, speech.path)
    allowed = word_error_rate(speech.transcript, baseline) + 0.01
    assert word_error_rate(speech.transcript, transcript.text) <= allowed


@pytest.mark.parametrize("count", [1, 2])
async def test_text_does_not_depend_on_the_number_of_splitters(
    count: int, transcript: Transcript, stack: LocalStack, speech_url: str, tmp_path: Path
) -> None:
    async with (
        orchestrator(stack.splitters[:count], tmp_path) as fewer,
        Client(fewer.address) as client,
    ):
        heard = await client.transcript(speech_url, MANY_CHUNKS)
    assert heard.segments == transcript.segments
    assert len(stack.splitters) == 4  # what `transcript` was made with


async def test_events_come_in_order_and_add_up(
    client: Client, clips: list[Recording], media_host: RangeServer
) -> None:
    async with aclosing(client.transcribe(media_host.url(clips[1].path.name))) as stream:
        events = [event async for event in stream]
    plan, completed = events[0], events[-1]
    assert isinstance(plan, Plan)
    assert isinstance(completed, Completed)
    assert {type(event) for event in events[1:-1]} == {Progress, Segment}
    in_order(events)

    last_progress = [event for event in events if isinstance(event, Progress)][-1]
    assert last_progress.done_ms == last_progress.duration_ms == completed.input_duration_ms
    assert last_progress.macro_chunks_done == completed.macro_chunks == plan.macro_chunks
    assert completed.macro_chunk_attempts == completed.macro_chunks
    coverage = completed.coverage
    assert coverage.transcribed_ms + coverage.silent_ms == completed.input_duration_ms
    assert coverage.speech_without_text_ms <= coverage.speech_ms <= coverage.transcribed_ms


async def test_four_jobs_at_once_are_as_correct_as_alone_and_share_batches(
    client: Client, stack: LocalStack, clips: list[Recording], media_host: RangeServer
) -> None:
    urls = [media_host.url(clip.path.name) for clip in clips]
    alone = [await client.transcript(url, MANY_CHUNKS) for url in urls]
    before = await scrape(stack.inference.metrics_address)
    together = await asyncio.gather(*(client.transcript(url, MANY_CHUNKS) for url in urls))
    after = await scrape(stack.inference.metrics_address)

    assert [job.segments for job in together] == [job.segments for job in alone]
    for clip, job in zip(clips, together, strict=True):
        assert word_error_rate(clip.transcript, job.text) < 0.2
    windows, batches = (
        after.total(name) - before.total(name)
        for name in ("nv_inference_count_total", "nv_inference_exec_count_total")
    )
    assert batches < windows
    await nothing_left_running(stack, media_host)


def in_order(events: Sequence[Event]) -> None:
    segments = [event for event in events if isinstance(event, Segment)]
    assert segments
    assert [segment.index for segment in segments] == list(range(len(segments)))
    starts = [segment.start_ms for segment in segments]
    assert starts == sorted(starts)
    assert all(segment.start_ms < segment.end_ms and segment.text for segment in segments)
    done = [event.done_ms for event in events if isinstance(event, Progress)]
    assert done == sorted(done)
