"""Cuts a recording into macro chunks at pauses near a fixed grid."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fanscribe.media.access import MediaAccess
from fanscribe.media.anchor import Anchor
from fanscribe.media.extent import Extent
from fanscribe.media.pauses import SpeechGate, cut_in, least_speech, longest_pause
from fanscribe.media.probe import Recording
from fanscribe.media.speech import FRAME_SAMPLES, SpeechDetector
from fanscribe.media.timeline import Span
from fanscribe.runtime.streams import Emit
from fanscribe.runtime.tracing import span

# What is left after the last boundary is at least this share of a macro chunk.
_SHORTEST_LAST: Final = 0.25
# Looks at recordings at a time. Each takes an ffmpeg, 11 MB: those of hundreds of jobs that come at
# once take more memory than an orchestrator has, and all of its time.
_LOOKS: Final = 32


@dataclass(frozen=True)
class MacroChunk:
    """A stretch of the recording for one splitter."""

    index: int
    span: Span
    to_end: bool  # the last one: goes on to the end, wherever that really is
    anchor: Anchor | None = None  # where its decoding may begin; None: ffmpeg finds that best
    is_whole: bool = False  # the only one: decoded in one go, to an end that may not be known yet


def macro_chunks(duration_samples: int, macro_samples: int) -> int:
    """Number of macro chunks of a recording."""
    return max(0, (duration_samples - _shortest_last(macro_samples)) // macro_samples) + 1


def _shortest_last(macro_samples: int) -> int:
    return int(macro_samples * _SHORTEST_LAST)


Search = Callable[[int], Coroutine[None, None, int]]


class Planner:
    """Finds macro chunks.

    Every boundary is looked for by itself, and where there is one depends on nothing but the
    recording, so the same recording and options give the same plan. The first chunk is known
    before anything else has been read, even where only the last byte tells how long it all is.
    """

    def __init__(self, media: MediaAccess, reach_samples: int, searches: int) -> None:
        """`searches` at a time for each recording."""
        self._media = media
        self._reach_samples = reach_samples
        self._searches = searches
        self._looks = asyncio.Semaphore(_LOOKS)

    @property
    def looks(self) -> asyncio.Semaphore:
        """Bounds what looks at recordings, for all jobs together: take one to probe."""
        return self._looks

    async def plan(
        self,
        recording: Recording,
        macro_samples: int,
        found: Emit[MacroChunk],
        fetched: Callable[[int], None],
    ) -> None:
        """Call `found` with each macro chunk, in order, as soon as its end is known.

        While `found` waits, only a few boundaries are looked for ahead of it. The spans tile
        [0, duration). `fetched` is told the bytes that the search took. Raises FanscribeError.

        A recording that is read sequentially is one chunk, however long it is.
        """
        if recording.is_sequential:
            whole = Span(0, recording.duration_samples)
            await found(MacroChunk(0, whole, to_end=True, is_whole=True))
            return
        async with self._media.extent(recording) as extent:
            try:
                await self._plan(recording, extent, macro_samples, found, fetched)
            finally:
                fetched(extent.bytes_fetched)

    async def _plan(
        self,
        recording: Recording,
        extent: Extent,
        macro_samples: int,
        found: Emit[MacroChunk],
        fetched: Callable[[int], None],
    ) -> None:
        index = start = 0
        searches: asyncio.Queue[asyncio.Task[int] | None] = asyncio.Queue(self._searches)
        async with asyncio.TaskGroup() as group:
            search = self._searching(recording, macro_samples, fetched)
            group.create_task(_look_ahead(extent, macro_samples, search, searches, group))
            while (task := await searches.get()) is not None:
                span_of_chunk = Span(start, await task)
                anchor = await self._media.anchor(recording, span_of_chunk, fetched)
                await found(MacroChunk(index, span_of_chunk, to_end=False, anchor=anchor))
                index, start = index + 1, span_of_chunk.end_sample
        rest = Span(start, max(start, await extent.end()))
        anchor = await self._media.anchor(recording, rest, fetched)
        await found(MacroChunk(index, rest, to_end=True, anchor=anchor))

    def _searching(
        self, recording: Recording, macro_samples: int, fetched: Callable[[int], None]
    ) -> Search:
        """Return what finds the boundary near a position; not too many at a time."""
        reach = min(self._reach_samples, macro_samples // 4)
        permits = asyncio.Semaphore(self._searches)

        async def search(position: int) -> int:
            async with permits, self._looks:
                with span("find boundary", nominal_sample=position):
                    boundary, bytes_fetched = await self._boundary(recording, position, reach)
                fetched(bytes_fetched)
                return boundary

        return search

    async def _boundary(self, recording: Recording, nominal: int, reach: int) -> tuple[int, int]:
        """Return the boundary near `nominal`, in samples, and the bytes fetched to find it."""
        window = Span(nominal - reach, nominal + reach)
        if window.samples < FRAME_SAMPLES:
            return nominal, 0
        detector = SpeechDetector()
        heard, probabilities = [], []
        async with self._media.extract(recording, window) as audio:
            async for block in audio:
                heard.append(block)
                probabilities.append(await asyncio.to_thread(detector.feed, block))
            fetched = audio.bytes_fetched
        near = (nominal - window.start_sample) // FRAME_SAMPLES
        found = _boundary_in(np.concatenate(heard), np.concatenate(probabilities), near)
        return window.start_sample + found, fetched


def _boundary_in(samples: NDArray[np.int16], probabilities: NDArray[np.float32], near: int) -> int:
    """Return the sample to cut at: in the longest pause, by choice near to frame `near`."""
    pause = longest_pause(SpeechGate().feed(probabilities), near)
    if pause is None:
        return least_speech(probabilities) * FRAME_SAMPLES
    return cut_in(samples, pause)


async def _look_ahead(
    extent: Extent,
    macro_samples: int,
    search: Search,
    searches: asyncio.Queue[asyncio.Task[int] | None],
    group: asyncio.TaskGroup,
) -> None:
    """Begin the search for each boundary of the grid that the recording has; None ends them."""
    position = macro_samples
    while await extent.reaches(position + _shortest_last(macro_samples)):
        await searches.put(group.create_task(search(position)))
        position += macro_samples
    await searches.put(None)
