"""Finding a time in a recording by looking at a few places of it.

Fragments of mp4, clusters of Matroska, pages of Ogg and packets of MPEG-TS tell their time, and
can be told from what surrounds them. Where they are need not be known: a guess from the mean bit
rate is close, and every look makes the next guess better.
"""

import asyncio
from bisect import bisect_right, insort
from collections.abc import Iterable
from contextlib import suppress
from typing import Protocol

from fanscribe.media.anchor import Anchor, Mark
from fanscribe.media.limits import KIB, MIB
from fanscribe.media.ranges import RangeReader
from fanscribe.media.recording import Recording
from fanscribe.media.timeline import us_of
from fanscribe.runtime.errors import FanscribeError, Reason

LOOK_BYTES = 16 * KIB
_LONGEST_LOOK_BYTES = 16 * MIB  # a recording without marks this far cannot be searched
_CLOSE_BYTES = 32 * KIB  # not worth another look
_MOST_LOOKS = 24


class UnsearchableError(Exception):
    """The recording is not laid out as its container should be."""


class JoinedError(FanscribeError):
    """The file is more than one recording: time stamps lead nowhere."""

    def __init__(self) -> None:
        super().__init__(
            Reason.MEDIA_UNREADABLE,
            "the file is several recordings, joined without giving them one timeline; convert it,"
            " or transcribe them one by one",
        )


class Layout(Protocol):
    """How one recording is laid out: what a container's module knows."""

    has_index: bool  # of its own, by which ffmpeg finds its way
    can_be_joined: bool  # files, one after the other, look like one
    header_bytes: int  # come before all that can be left out
    preroll_us: int  # decoding has to begin so much before what it gets right

    def marks(self, data: bytes, offset: int) -> list[Mark]:
        """Return the marks in `data`, which lies at `offset`; whole ones only, in their order."""

    def end_us(self, data: bytes, offset: int) -> int | None:
        """Return where the audio ends if `data`, at `offset`, goes to the end; None: look wider."""

    def anchor(self, start_byte: int) -> Anchor:
        """Return the anchor for a mark."""


class LandmarkIndex:
    """The marks of one recording that were seen so far."""

    def __init__(self, layout: Layout, recording: Recording) -> None:
        self.layout = layout
        self._size_bytes = recording.source.size_bytes
        self._start = Mark(layout.header_bytes, recording.start_time_us)
        self._marks = [self._start]
        self._lock = asyncio.Lock()

    async def anchor(
        self, reader: RangeReader, recording: Recording, timestamp_us: int
    ) -> Anchor | None:
        """Find where to begin for `timestamp_us`; None if only ffmpeg can tell."""
        if self.layout.has_index:
            return None
        target_us = timestamp_us - self.layout.preroll_us
        # About where the recording ends, for the first guess.
        end_us = recording.start_time_us + us_of(recording.duration_samples)
        try:
            async with self._lock:
                mark = await self._find(reader, target_us, end_us)
        except UnsearchableError:
            return None
        return self.layout.anchor(mark.offset)

    async def end_us(self, reader: RangeReader) -> int | None:
        """Read the recording's tail for the time stamp at which it ends; None: it does not tell."""
        look_bytes = 2 * LOOK_BYTES
        while look_bytes <= _LONGEST_LOOK_BYTES:
            start = max(self.layout.header_bytes, self._size_bytes - look_bytes)
            data = await reader.read_all(start, self._size_bytes)
            try:
                end_us = self.layout.end_us(data, start)
            except UnsearchableError:
                return None
            if end_us is not None or start == self.layout.header_bytes:
                return end_us
            look_bytes *= 4
        return None

    async def _find(self, reader: RangeReader, target_us: int, end_us: int) -> Mark:
        """Return a mark at or before the target, close to it."""
        barrier = self._size_bytes  # nothing between the mark before it and here
        for look in range(_MOST_LOOKS):
            index = bisect_right(self._marks, target_us, key=lambda mark: mark.time_us)
            if index == 0:
                return self._start
            low = self._marks[index - 1]
            if low.offset >= barrier:
                barrier = self._size_bytes
            high = Mark(self._size_bytes, max(end_us, target_us + 1))
            if index < len(self._marks):
                high = self._marks[index]
            top = min(high.offset, barrier)
            if top - low.offset <= _CLOSE_BYTES:
                return low
            guess = _guess(low, high, target_us) - LOOK_BYTES // 2
            if look % 4 == 3:
                guess = (low.offset + top) // 2  # bit rates may vary wildly: never get stuck
            guess = max(low.offset + 1, min(guess, top - LOOK_BYTES))
            if not await self._look(reader, guess, top):
                barrier = guess
        raise UnsearchableError

    async def _look(self, reader: RangeReader, start: int, end: int) -> bool:
        """Look for marks from `start` on; False if there is none before `end`."""
        found = await seen(reader, self.layout, start, end)
        for mark in found:
            self._enter(mark)
        return bool(found)

    def learn(self, marks: Iterable[Mark]) -> None:
        """Remember marks that somebody else has seen."""
        with suppress(UnsearchableError):  # whoever searches there will be told
            for mark in marks:
                self._enter(mark)

    def _enter(self, mark: Mark) -> None:
        # What is before the beginning is not asked for.
        mark = Mark(mark.offset, max(mark.time_us, self._start.time_us))
        index = bisect_right(self._marks, mark)
        before, after = self._marks[index - 1], self._marks[index : index + 1]
        if mark.offset in {before.offset, *(next_mark.offset for next_mark in after)}:
            return
        if mark.time_us < before.time_us or any(mark.time_us > one.time_us for one in after):
            raise UnsearchableError  # time goes back somewhere
        insort(self._marks, mark)


async def seen(reader: RangeReader, layout: Layout, start: int, end: int) -> list[Mark]:
    """Return the first marks from `start` on; none if there is none that begins before `end`.

    Raises UnsearchableError if there is none far and wide.
    """
    data = b""
    look_bytes = LOOK_BYTES
    while start + len(data) < end and len(data) < _LONGEST_LOOK_BYTES:
        at = start + len(data)
        # Whatever begins before `end` may go on after it.
        data += await reader.read_all(at, min(at + look_bytes, reader.source.size_bytes))
        found = layout.marks(data, start)
        if found and found[0].offset < end:
            return found
        look_bytes = len(data)
    if len(data) >= _LONGEST_LOOK_BYTES:
        raise UnsearchableError
    return []


def _guess(low: Mark, high: Mark, target_us: int) -> int:
    share = (target_us - low.time_us) / max(1, high.time_us - low.time_us)
    return low.offset + int(share * (high.offset - low.offset))
