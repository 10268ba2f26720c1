"""Planning any recording: spans tile the timeline, however its length becomes known."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import cast

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from fanscribe.media.access import MediaAccess
from fanscribe.media.anchor import Anchor
from fanscribe.media.extent import Extent, scanned
from fanscribe.media.extraction import BLOCK_SAMPLES, Extraction
from fanscribe.media.reader import Reader
from fanscribe.media.recording import Recording
from fanscribe.media.source import Source
from fanscribe.media.timeline import SAMPLE_RATE, Span
from fanscribe.orchestrator.planner import MacroChunk, Planner
from tests.support.spans import into

_NOISE = np.random.default_rng(1).integers(-3000, 3000, 7 * SAMPLE_RATE).astype(np.int16)
_BYTES_OF_A_SEARCH = 5
_BYTES_OF_A_SCAN = 1000


class _Counter:
    """What an extent asks of the reader that it scans with."""

    bytes_fetched = _BYTES_OF_A_SCAN


class _Audio:
    """What the planner asks of an extraction."""

    bytes_fetched = _BYTES_OF_A_SEARCH

    def __init__(self, span: Span) -> None:
        self._span = span

    async def __aiter__(self) -> AsyncIterator[NDArray[np.int16]]:
        """Noise that comes and goes, the same at the same place."""
        for start in range(self._span.start_sample, self._span.end_sample, BLOCK_SAMPLES):
            places = np.arange(start, min(start + BLOCK_SAMPLES, self._span.end_sample))
            loud = (places // 5_000) % 3 > 0
            yield (_NOISE[places % len(_NOISE)] * loud).astype(np.int16)


class SyntheticMedia(MediaAccess):
    """In place of access to a real recording: one of a given length, which may have to be found."""

    def __init__(
        self, duration_samples: int, scan: Callable[[], AsyncGenerator[int, None]] | None
    ) -> None:
        self._duration_samples = duration_samples
        self._scan = scan
        self.anchored: list[Span] = []
        self.extractions = 0
        self.at_once = self.most_at_once = 0

    @asynccontextmanager
    async def extent(self, _: Recording) -> AsyncIterator[Extent]:
        if self._scan is None:
            yield Extent(self._duration_samples)
            return
        async with scanned(cast("Reader", _Counter()), self._scan(), 60.0) as extent:
            yield extent

    async def anchor(
        self, _: Recording, span: Span, fetched: Callable[[int], None]
    ) -> Anchor | None:
        self.anchored.append(span)
        return None

    @asynccontextmanager
    async def extract(
        self,
        recording: Recording,
        span: Span,
        *,
        to_end: bool = False,
        anchor: Anchor | None = None,
    ) -> AsyncIterator[Extraction]:
        assert span.end_sample <= self._duration_samples, "there is nothing to be heard there"
        self.extractions += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        yield cast("Extraction", _Audio(span))
        self.at_once -= 1


RECORDING = Recording(
    source=Source("http://host/a", 1, '"a"'),
    container="wav",
    codec="pcm_s16le",
    stream_index=0,
    start_time_us=0,
    duration_samples=0,
    duration_is_exact=False,
)


async def _plan(
    media: SyntheticMedia, macro_samples: int, reach_samples: int, searches: int
) -> tuple[list[MacroChunk], int]:
    chunks: list[MacroChunk] = []
    fetched: list[int] = []
    planner = Planner(media, reach_samples, searches)
    await planner.plan(RECORDING, macro_samples, into(chunks), fetched.append)
    return chunks, sum(fetched)


@given(
    macro=st.integers(30 * SAMPLE_RATE, 400 * SAMPLE_RATE),
    grid=st.floats(0, 9, allow_nan=False),
    reach=st.sampled_from([0, 100, 1_600, SAMPLE_RATE, 300 * SAMPLE_RATE]),
    searches=st.integers(1, 3),
    steps=st.lists(st.floats(0, 1), max_size=6),
)
@settings(max_examples=100, deadline=None)
async def test_spans_tile_any_recording_however_its_end_is_found(
    macro: int, grid: float, reach: int, searches: int, steps: list[float]
) -> None:
    # Windows as long as these allow are slow to listen to: few of them then.
    duration = round((grid if reach <= SAMPLE_RATE else grid % 2) * macro)
    reach = min(reach, 10 * SAMPLE_RATE)

    async def scan() -> AsyncGenerator[int, None]:
        for step in [*sorted(steps), 1.0]:
            await asyncio.sleep(0)
            yield round(step * duration)

    known = SyntheticMedia(duration, None)
    chunks, bytes_fetched = await _plan(known, macro, reach, searches)

    spans = [chunk.span for chunk in chunks]
    assert [chunk.index for chunk in chunks] == list(range(len(chunks)))
    assert [chunk.to_end for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    starts = [span.start_sample for span in spans]
    assert [0, *(span.end_sample for span in spans)] == [*starts, duration]
    assert all(
        abs(start - index * macro) <= min(reach, macro // 4) for index, start in enumerate(starts)
    )
    assert known.anchored == spans
    listened = len(starts) - 1 if 2 * min(reach, macro // 4) >= 512 else 0
    assert bytes_fetched == listened * _BYTES_OF_A_SEARCH

    unknown = SyntheticMedia(duration, scan)
    assert await _plan(unknown, macro, reach, 4 - searches) == (
        chunks,
        bytes_fetched + _BYTES_OF_A_SCAN,
    )


async def test_chunks_are_found_while_the_end_is_still_looked_for() -> None:
    macro = 60 * SAMPLE_RATE
    go_on = asyncio.Event()
    found: asyncio.Queue[MacroChunk] = asyncio.Queue()

    async def scan() -> AsyncGenerator[int, None]:
        yield 3 * macro
        await go_on.wait()
        yield 10 * macro

    planner = Planner(SyntheticMedia(10 * macro, scan), SAMPLE_RATE, 2)
    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        group.create_task(planner.plan(RECORDING, macro, found.put, lambda _: None))
        first = [await found.get() for _ in range(2)]
        assert [chunk.index for chunk in first] == [0, 1]
        go_on.set()
    assert found.qsize() == 8


async def test_planning_waits_while_what_it_found_waits() -> None:
    macro = 60 * SAMPLE_RATE
    media = SyntheticMedia(100 * macro, None)
    found: asyncio.Queue[MacroChunk] = asyncio.Queue(3)
    planner = Planner(media, SAMPLE_RATE, 2)
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        planning = group.create_task(planner.plan(RECORDING, macro, found.put, lambda _: None))
        taken: list[MacroChunk] = []
        while len(taken) < 100:
            taken.append(await found.get())
            # Those waiting, the one it waits with, and what is looked for meanwhile.
            assert media.extractions <= len(taken) + 3 + 1 + 2 * 2
        await planning
    assert [chunk.index for chunk in taken] == list(range(100))


async def test_many_jobs_look_at_their_recordings_in_turns() -> None:
    macro = 60 * SAMPLE_RATE
    media = SyntheticMedia(3 * macro, None)
    planner = Planner(media, SAMPLE_RATE, 2)
    chunks: list[MacroChunk] = []
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        for _ in range(100):
            group.create_task(planner.plan(RECORDING, macro, into(chunks), lambda _: None))
    assert len(chunks) == 300
    assert media.most_at_once == 32
