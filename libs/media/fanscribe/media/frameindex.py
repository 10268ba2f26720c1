"""Finding the bytes of a span in mp3 and ADTS, which have no index of their own.

ffmpeg would read everything before the span, for every span. Here each frame's header is looked at
once in a process, and where all frames are equally long, never.
"""

import asyncio
from array import array
from bisect import bisect_right
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

from fanscribe.media.anchor import Anchor
from fanscribe.media.frames import (
    AGREEING_FRAMES,
    HEADER_BYTES,
    AdtsFormat,
    FrameFormat,
    InfoTag,
    MpegFormat,
    agree,
    id3_bytes,
    info_tag,
    next_frame,
)
from fanscribe.media.limits import KIB
from fanscribe.media.ranges import RangeReader
from fanscribe.media.recording import Recording

FRAME_CONTAINERS = frozenset({"mp3", "aac"})

_STRIDE = 32  # the offset of one frame in so many is kept
_HEAD_BYTES = 4 * KIB
# Frames that a decoder needs before what it gets right, and that may look damaged to it.
_PREROLL_FRAMES = 24
# Enough to see whether frames agree.
_DAMAGE_LOOK_BYTES = 36 * KIB


class FrameIndex:
    """Where the frames of one recording are."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._lock = asyncio.Lock()
        self._format: FrameFormat | None = None
        self._tag: InfoTag | None = None
        self._opened = False
        # Number and offset of a frame now and then.
        self._numbers = array("Q")
        self._offsets = array("Q")
        self._frames = 0  # looked at so far
        self._position = 0  # of the next frame's header
        self._first_offset = 0
        self._constant_length: float | None = None
        self._damaged_from: int | None = None  # no frame was found since
        self._ended = False  # all headers were looked at
        self._is_scanning = False  # somebody looks at headers
        self._news = asyncio.Event()

    async def anchor(
        self,
        reader: RangeReader,
        recording: Recording,
        timestamp_us: int,
    ) -> Anchor | None:
        """Return an anchor well before `timestamp_us`; None where only ffmpeg can seek."""
        if not await self.opens(reader) or timestamp_us <= recording.start_time_us:
            return None
        assert self._format is not None  # noqa: S101  it opens
        frame = timestamp_us * self._format.rate // (1_000_000 * self._format.samples)
        frame = max(0, frame - _PREROLL_FRAMES)
        found = None
        if self._constant_length is not None:
            found = await self._compute(reader, frame)
            # Joined files keep the mean length no more: then every header is looked at.
            self._constant_length = self._constant_length if found else None
        if self._constant_length is None:
            found = await self._look_up(reader, frame)
        if found is None:
            return None
        return Anchor(found[1], offset_us=self._time_us(found[0]), end_us=self._end_us())

    async def end_us(self, reader: RangeReader) -> int | None:
        """Time stamp at which the audio ends, if a tag tells it."""
        return self._end_us() if await self.opens(reader) else None

    async def scan(self, reader: RangeReader) -> AsyncGenerator[int, None]:
        """Yield the time stamps up to which there are frames, the last one being the end."""
        if await self.opens(reader):
            async with aclosing(self._progress(reader)) as progress:
                async for _ in progress:
                    yield self._time_us(self._frames)
            yield self._time_us(self._frames)

    async def opens(self, reader: RangeReader) -> bool:
        """Look at the first frame, once; False if there is none where it should be."""
        async with self._lock:
            await self._open(reader)
        return self._format is not None

    def _time_us(self, frame: int, samples: int = 0) -> int:
        assert self._format is not None  # noqa: S101  checked by the caller
        return round((frame * self._format.samples + samples) * 1_000_000 / self._format.rate)

    def _end_us(self) -> int | None:
        if self._tag is None or not self._tag.frames:
            return None
        return self._time_us(self._tag.frames, -self._tag.end_skip_samples)

    async def _open(self, reader: RangeReader) -> None:
        """Look at the first frame, once."""
        if self._opened:
            return
        start = id3_bytes(await reader.read_all(0, 10))
        head = await reader.read_all(start, start + _HEAD_BYTES)
        head += bytes(_HEAD_BYTES - len(head))  # a small file: nothing there is no frame
        self._opened = True
        try:
            found = (MpegFormat if self._recording.container == "mp3" else AdtsFormat)(head)
        except ValueError:
            return  # something before the first frame: ffmpeg's demuxer knows better
        length = found.length(head, 0)
        tag = info_tag(head[:length], found) if isinstance(found, MpegFormat) else None
        if tag and tag.size_bytes and await _goes_on(reader, start + tag.size_bytes):
            # It tells of the first part alone.
            tag = replace(tag, is_constant_bit_rate=False, frames=0, end_skip_samples=0)
        # VBRI tags are rare; where time 0 lies has to agree with what ffmpeg found.
        skipped_us = round((tag.start_skip_samples if tag else 0) * 1_000_000 / found.rate)
        if (
            not length
            or b"VBRI" in head[:64]
            or abs(skipped_us - self._recording.start_time_us) > 2
        ):
            return
        self._format, self._tag = found, tag
        self._first_offset = self._position = start + (length if tag else 0)
        if tag and tag.is_constant_bit_rate and found.length(head, length):
            mean_length = MpegFormat(head[length:]).mean_length
            # A tag that tells of all the bytes there are is believed.
            told_bytes = self._first_offset + tag.frames * mean_length
            if abs(told_bytes - reader.source.size_bytes) <= _HEAD_BYTES:
                self._constant_length = mean_length

    async def _compute(self, reader: RangeReader, frame: int) -> tuple[int, int] | None:
        """Find a frame near `frame` by arithmetic: encoders keep the mean length exact."""
        assert self._format is not None  # noqa: S101  checked by the caller
        assert self._constant_length is not None  # noqa: S101
        mean = self._constant_length
        guess = self._first_offset + int(frame * mean)
        if guess <= self._first_offset:
            return 0, self._first_offset
        data = await reader.read_all(guess, guess + int((2 + AGREEING_FRAMES) * (mean + 1)))
        at = next((at for at in range(int(mean) + 2) if agree(self._format, data, at)), None)
        if at is None:
            return None
        number = (guess + at - self._first_offset) / mean
        # Padding evens out to within a byte; anything else is not the file its tag describes.
        if abs(number - round(number)) * mean > 1.5:
            return None
        return round(number), guess + at

    async def _look_up(self, reader: RangeReader, frame: int) -> tuple[int, int] | None:
        """Find the last frame up to `frame` whose offset is kept."""
        if self._frames <= frame:
            async with aclosing(self._progress(reader)) as progress:
                async for _ in progress:
                    if self._frames > frame:
                        break
        if self._frames <= frame:
            return None  # the end of the recording: ffmpeg will tell
        known = bisect_right(self._numbers, frame) - 1
        return self._numbers[known], self._offsets[known]

    async def _progress(self, reader: RangeReader) -> AsyncGenerator[None, None]:
        """Look at headers, or wait for whoever does; yield whenever more frames are known."""
        while not self._ended:
            if self._is_scanning:
                await self._news.wait()
                yield
                continue
            self._is_scanning = True
            try:
                async with aclosing(self._advance(reader)) as steps:
                    async for _ in steps:
                        self._tell()
                        yield
            finally:
                self._is_scanning = False
                self._tell()

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    async def _advance(self, reader: RangeReader) -> AsyncGenerator[None, None]:
        """Look at one header after the other; yield after every piece that was read."""
        size_bytes = reader.source.size_bytes
        async with aclosing(reader.read(self._position, size_bytes)) as pieces:
            data, base = b"", self._position
            async for piece in pieces:
                data += piece
                self._walk(data, base, is_last=base + len(data) >= size_bytes)
                kept = min(self._position - base, len(data))
                data, base = data[kept:], base + kept
                yield
        self._ended = True

    def _walk(self, data: bytes, base: int, *, is_last: bool) -> None:
        """Go from frame to frame in `data`, which lies at `base`, as far as it goes."""
        assert self._format is not None  # noqa: S101  checked by the caller
        length = self._format.length
        while (at := self._position - base) + HEADER_BYTES <= len(data):
            frame_bytes = length(data, at)
            if not frame_bytes and (tag_bytes := id3_bytes(data[at : at + 10])):
                self._position += tag_bytes  # recordings were joined
                continue
            if not frame_bytes:
                # Damage: go on where frames do, as decoders do.
                if self._damaged_from is None:
                    self._damaged_from = self._position
                judged = len(data) if is_last else len(data) - _DAMAGE_LOOK_BYTES
                if judged <= at + 1:
                    return
                self._position = base + next_frame(self._format, data, at + 1, judged)
                continue
            if self._damaged_from is not None:
                self._count_lost()
            if not self._numbers or self._frames - self._numbers[-1] >= _STRIDE:
                self._numbers.append(self._frames)
                self._offsets.append(self._position)
            self._frames += 1
            self._position += frame_bytes

    def _count_lost(self) -> None:
        """Count the frames that damage has overwritten: what follows keeps its place in time."""
        assert self._damaged_from is not None  # noqa: S101  checked by the caller
        # As long as those before it: bit rates vary.
        last = max(0, len(self._numbers) - 2)
        known_bytes = self._damaged_from - (self._offsets[last] if self._offsets else 0)
        mean = known_bytes / max(1, self._frames - (self._numbers[last] if self._numbers else 0))
        lost = (self._position - self._damaged_from) / max(mean, HEADER_BYTES)
        self._frames += round(lost)
        self._damaged_from = None


async def _goes_on(reader: RangeReader, end: int) -> bool:
    """Whether another recording begins at `end` of the first one: files were joined."""
    head = await reader.read_all(end, end + HEADER_BYTES)
    return head[:3] == b"ID3" or (head[:1] == b"\xff" and head[1:2] >= b"\xe0")
