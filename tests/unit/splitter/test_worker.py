"""The micro chunks of a macro chunk: asked, joined where they overlap, and reported once."""

import asyncio
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry

from fanscribe.media.probe import Recording
from fanscribe.media.source import Source
from fanscribe.media.timeline import Span, ms_of
from fanscribe.splitter.chunker import MicroChunk
from fanscribe.splitter.metrics import SplitterMetrics
from fanscribe.splitter.transcription import ModelOptions, TextSegment, Transcript, Word
from fanscribe.splitter.worker import Assignment, Attempt

WORD_MS = 500
OVERLAP_MS = 1_500
CHUNK_MS = 10_000


class Speaker:
    """A model that hears a numbered word every half second; where a word is cut, half of it.

    The audio is a ramp: its first sample tells where on the timeline it is, in words.
    """

    def __init__(self, permits: int) -> None:
        self.permits = asyncio.Semaphore(permits)
        self.asked: list[ModelOptions] = []

    async def transcribe(
        self,
        audio: NDArray[np.int16],
        options: ModelOptions,
        speech: Sequence[Span] | None,
    ) -> Transcript:
        self.asked.append(options)
        await asyncio.sleep(0)
        first, count = int(audio[0]), ms_of(len(audio)) // WORD_MS
        words = tuple(
            Word(n * WORD_MS, (n + 1) * WORD_MS, f"word{first + n}", 0.9) for n in range(count)
        )
        text = " ".join(word.text for word in words)
        known = words if options.word_timestamps else ()
        segment = TextSegment(0, count * WORD_MS, text, -0.2, 0.0, 1.0, known)
        return Transcript("en", 1.0, (segment,), truncated=False, wordless_ms=0)


def chunks_cut_in_speech(count: int) -> list[MicroChunk]:
    found = []
    for n in range(count):
        start_ms = n * CHUNK_MS
        audio_ms = start_ms - (OVERLAP_MS if n else 0)
        samples = (start_ms + CHUNK_MS - audio_ms) * 16
        audio = np.full(samples, audio_ms // WORD_MS, np.int16)
        span = Span(start_ms * 16, (start_ms + CHUNK_MS) * 16)
        last = n == count - 1
        found.append(MicroChunk(span, audio_ms * 16, audio, (), cut_in_speech=not last))
    return found


async def texts(
    chunks: list[MicroChunk],
    model: Speaker,
    received: frozenset[int] = frozenset(),
    *,
    word_timestamps: bool = False,
) -> dict[int, Transcript]:
    assignment = Assignment(
        recording=Recording(Source("https://x/y", 1, "", ""), "wav", "", 0, 0, 0),
        span=Span(0, chunks[-1].span.end_sample),
        to_end=True,
        longest_micro_chunk_s=20,
        options=ModelOptions("en", "transcribe", word_timestamps, ""),
        received=received,
    )
    reported: dict[int, Transcript] = {}

    async def report(chunk: MicroChunk, transcript: Transcript | None) -> None:
        assert transcript is not None
        assert chunk.span.start_sample not in reported
        reported[chunk.span.start_sample] = transcript

    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        attempt = Attempt(model, SplitterMetrics(CollectorRegistry()), assignment, report, group)
        for chunk in chunks:
            await attempt.begin(chunk)
    return reported


def said(reported: dict[int, Transcript]) -> str:
    return " ".join(
        segment.text for start in sorted(reported) for segment in reported[start].segments
    )


@pytest.mark.parametrize("permits", [1, 8])
async def test_chunks_that_overlap_say_everything_once(permits: int) -> None:
    reported = await texts(chunks_cut_in_speech(4), Speaker(permits))
    assert said(reported).split() == [f"word{n}" for n in range(4 * CHUNK_MS // WORD_MS)]
    # Nobody asked for the words.
    assert not any(one.words for text in reported.values() for one in text.segments)


async def test_words_are_reported_to_who_asked_for_them() -> None:
    reported = await texts(chunks_cut_in_speech(2), Speaker(2), word_timestamps=True)
    assert all(one.words for text in reported.values() for one in text.segments)


async def test_a_second_attempt_says_the_same_and_reports_only_what_is_missing() -> None:
    chunks = chunks_cut_in_speech(3)
    calm = await texts(chunks, Speaker(8))
    known = frozenset({chunks[1].span.start_sample})
    again = await texts(chunks, Speaker(1), received=known)
    assert again == {start: text for start, text in calm.items() if start not in known}


async def test_what_stands_alone_is_asked_for_no_words() -> None:
    (alone,) = chunks_cut_in_speech(1)
    model = Speaker(1)
    await texts([alone], model)
    assert [options.word_timestamps for options in model.asked] == [False]
