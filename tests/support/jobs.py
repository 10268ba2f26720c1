"""Jobs that something happens to, held against what they tell when nothing does."""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import replace

from fanscribe.client import Client, Completed, Options, Progress, Segment, Transcript
from fanscribe.client.events import Event
from fanscribe.client.service_process import ServiceProcess
from tests.support.polling import eventually
from tests.support.stack import metrics_of

# Chunks of many windows, so that a part can be lost in the middle of one.
OPTIONS = Options(macro_chunk_size_sec=30, micro_chunk_size_sec=5)


async def events_of(
    client: Client, url: str, options: Options = OPTIONS, deadline_s: float = 120
) -> list[Event]:
    """Follow a job to its end."""
    async with asyncio.timeout(deadline_s), aclosing(client.transcribe(url, options)) as events:
        return [event async for event in events]


def same_text(events: list[Event], undisturbed: Transcript, times_within_ms: int = 0) -> Completed:
    """Check that the text is whole, in order and told once; return the balance."""
    segments = [event for event in events if isinstance(event, Segment)]
    calm = undisturbed.segments
    same = len(segments) == len(calm) and all(
        _same(told, one, times_within_ms) for told, one in zip(segments, calm, strict=True)
    )
    assert same, _difference(segments, calm)
    done_ms = [event.done_ms for event in events if isinstance(event, Progress)]
    assert done_ms == sorted(done_ms)
    completed = events[-1]
    assert isinstance(completed, Completed)
    assert completed.coverage == undisturbed.completed.coverage
    return completed


def _same(told: Segment, calm: Segment, times_within_ms: int) -> bool:
    apart_ms = max(abs(told.start_ms - calm.start_ms), abs(told.end_ms - calm.end_ms))
    moved = replace(told, start_ms=calm.start_ms, end_ms=calm.end_ms)
    return apart_ms <= times_within_ms and moved == calm


def _difference(told: Sequence[Segment], calm: Sequence[Segment]) -> str:
    """What is told on one side only."""
    extra = [f"+ {one}" for one in told if one not in calm]
    return "\n".join([*extra, *(f"- {one}" for one in calm if one not in told)])


async def has_sent_text(splitter: ServiceProcess) -> None:
    """Wait until a splitter is in the middle of a chunk: it has told a part of it."""

    async def midway() -> bool:
        page = await metrics_of(splitter)
        return (
            page.total("fanscribe_splitter_micro_chunks_total", outcome="text") >= 2
            and page.total("fanscribe_splitter_slots", state="used") > 0
        )

    await eventually(midway, f"{splitter.name} has sent text")
