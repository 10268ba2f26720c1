"""Cuts a recording into macro chunks at pauses near a fixed grid."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from fanscribe.media.access import MediaAccess
from fanscribe.media.pauses import SpeechGate, least_speech, longest_pause
from fanscribe.media.probe import Recording
from fanscribe.media.speech import FRAME_SAMPLES, SpeechDetector
from fanscribe.media.timeline import Span
from fanscribe.runtime.tracing import span

# What is left after the last boundary is at least this share of a macro chunk.
_SHORTEST_LAST: Final = 0.25


@dataclass(frozen=True)
class MacroChunk:
    """A stretch of the recording for one splitter."""

    index: int
    span: Span
    to_end: bool  # the last one: goes on to the end, wherever that really is


def nominal_boundaries(duration_samples: int, macro_samples: int) -> list[int]:
    """Return the grid positions between macro chunks, neither start nor end."""
    last = duration_samples - int(macro_samples * _SHORTEST_LAST)
    return list(range(macro_samples, last + 1, macro_samples))


class Planner:
    """Finds macro chunks.

    Every boundary is looked for by itself, so the same recording and options give the same plan,
    and the first chunk is known before anything else has been read.
    """

    def __init__(self, media: MediaAccess, reach_samples: int, searches: int) -> None:
        self._media = media
        self._reach_samples = reach_samples
        self._searches = searches

    async def plan(
        self,
        recording: Recording,
        macro_samples: int,
        found: Callable[[MacroChunk], None],
        fetched: Callable[[int], None],
    ) -> None:
        """Call `found` with each macro chunk, in order, as soon as its end is known.

        The spans tile [0, duration). `fetched` is told the bytes that the search took. Raises
        FanscribeError.
        """
        nominal = nominal_boundaries(recording.duration_samples, macro_samples)
        reach = min(self._reach_samples, macro_samples // 4)
        permits = asyncio.Semaphore(self._searches)

        async def search(position: int) -> int:
            async with permits:
                with span("find boundary", nominal_sample=position):
                    boundary, bytes_fetched = await self._boundary(recording, position, reach)
                fetched(bytes_fetched)
                return boundary

        start = 0
        async with asyncio.TaskGroup() as group:
            searches = [group.create_task(search(position)) for position in nominal]
            for index, task in enumerate(searches):
                boundary = await task
                found(MacroChunk(index, Span(start, boundary), to_end=False))
                start = boundary
        end = max(start, recording.duration_samples)
        found(MacroChunk(len(nominal), Span(start, end), to_end=True))

    async def _boundary(self, recording: Recording, nominal: int, reach: int) -> tuple[int, int]:
        """Return the boundary near `nominal`, in samples, and the bytes fetched to find it."""
        window = Span(nominal - reach, min(nominal + reach, recording.duration_samples))
        if window.samples < FRAME_SAMPLES:
            return nominal, 0
        detector = SpeechDetector()
        async with self._media.extract(recording, window) as audio:
            heard = [await asyncio.to_thread(detector.feed, block) async for block in audio]
            fetched = audio.bytes_fetched
        probabilities = np.concatenate(heard)
        near = (nominal - window.start_sample) // FRAME_SAMPLES
        frame = longest_pause(SpeechGate().feed(probabilities), near)
        if frame is None:
            frame = least_speech(probabilities)
        return window.start_sample + frame * FRAME_SAMPLES, fetched
