"""Finding the bytes of a span in mp3 and ADTS, which have no index of their own.

ffmpeg would read everything before the span, for every span. Here each frame's header is looked at
once in a process, and where all frames are equally long, never.
"""

import asyncio
import sys
from array import array
from collections import OrderedDict
from contextlib import aclosing

from fanscribe.media.frames import (
    HEADER_BYTES,
    AdtsFormat,
    FrameFormat,
    InfoTag,
    MpegFormat,
    id3_bytes,
    info_tag,
)
from fanscribe.media.limits import KIB
from fanscribe.media.reader import Reader
from fanscribe.media.recording import Recording
from fanscribe.media.source import Source, View

INDEXED_CONTAINERS = frozenset({"mp3", "aac"})

_KEPT_INDEXES = 64  # some 350 KB each for ten hours
_STRIDE = 32  # the offset of every so many frames is kept
_HEAD_BYTES = 4 * KIB
# Frames that a decoder needs before what it gets right, and that may look damaged to it.
_PREROLL_FRAMES = 24
_TAGS_AT_THE_END = (b"TAG", b"APETAGE", b"ID3", b"LYRICSB")
_AGREEING_FRAMES = 4  # in a row: then it is no chance that bytes look like a frame


class FrameIndex:
    """Where the frames of one recording are."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._lock = asyncio.Lock()
        self._format: FrameFormat | None = None
        self._tag: InfoTag | None = None
        self._opened = False
        self._offsets = array("Q")  # of frames 0, _STRIDE, 2 * _STRIDE …
        self._frames = 0  # looked at so far
        self._position = 0  # of the next frame's header
        self._first_offset = 0
        self._constant_length: float | None = None

    async def view(self, reader: Reader, timestamp_us: int) -> View | None:
        """Return a view that begins well before `timestamp_us`; None where only ffmpeg can seek."""
        async with self._lock:
            await self._open(reader)
            if self._format is None:
                return None
            frame = timestamp_us * self._format.rate // (1_000_000 * self._format.samples)
            frame = max(0, frame - _PREROLL_FRAMES)
            if self._constant_length is not None:
                found = await self._compute(reader, frame)
            else:
                found = await self._scan(reader, frame)
            if found is None:
                return None
            return View(found[1], self._time_us(found[0]), self._end_us())

    async def duration_us(self, reader: Reader, *, scan: bool) -> int | None:
        """Length of the audio, if a tag tells it or, with `scan`, all headers can be read."""
        async with self._lock:
            await self._open(reader)
            end_us = self._end_us()
            if end_us is None and scan and self._format is not None:
                await self._advance(reader, sys.maxsize)
                rest = await _read(reader, self._position, self._position + HEADER_BYTES)
                if len(rest) < HEADER_BYTES or rest.startswith(_TAGS_AT_THE_END):
                    end_us = self._time_us(self._frames)
            return None if end_us is None else end_us - self._recording.start_time_us

    def _time_us(self, frame: int, samples: int = 0) -> int:
        assert self._format is not None  # noqa: S101  checked by the caller
        return round((frame * self._format.samples + samples) * 1_000_000 / self._format.rate)

    def _end_us(self) -> int | None:
        if self._tag is None or not self._tag.frames:
            return None
        return self._time_us(self._tag.frames, -self._tag.end_skip_samples)

    async def _open(self, reader: Reader) -> None:
        """Look at the first frame, once."""
        if self._opened:
            return
        start = id3_bytes(await _read(reader, 0, 10))
        head = await _read(reader, start, start + _HEAD_BYTES)
        head += bytes(_HEAD_BYTES - len(head))  # a small file: nothing there is no frame
        self._opened = True
        try:
            found = (MpegFormat if self._recording.container == "mp3" else AdtsFormat)(head)
        except ValueError:
            return  # something before the first frame: ffmpeg's demuxer knows better
        length = found.length(head, 0)
        tag = info_tag(head[:length], found) if isinstance(found, MpegFormat) else None
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

    async def _compute(self, reader: Reader, frame: int) -> tuple[int, int] | None:
        """Find a frame near `frame` by arithmetic: encoders keep the mean length exact."""
        assert self._format is not None  # noqa: S101  checked by the caller
        assert self._constant_length is not None  # noqa: S101
        mean = self._constant_length
        guess = self._first_offset + int(frame * mean)
        if guess <= self._first_offset:
            return 0, self._first_offset
        data = await _read(reader, guess, guess + int((2 + _AGREEING_FRAMES) * (mean + 1)))
        at = next((at for at in range(int(mean) + 2) if _agree(self._format, data, at)), None)
        if at is None:
            return None
        number = (guess + at - self._first_offset) / mean
        # Padding evens out to within a byte; anything else is not the file its tag describes.
        if abs(number - round(number)) * mean > 1.5:
            return None
        return round(number), guess + at

    async def _scan(self, reader: Reader, frame: int) -> tuple[int, int] | None:
        """Find the last frame up to `frame` whose offset is kept."""
        if not await self._advance(reader, frame):
            return None  # damage, or the end of the recording: ffmpeg will tell
        number = frame // _STRIDE
        return number * _STRIDE, self._offsets[number]

    async def _advance(self, reader: Reader, frame: int) -> bool:
        """Look at headers until that of `frame` is found; False if they end before it."""
        assert self._format is not None  # noqa: S101  checked by the caller
        length = self._format.length
        async with aclosing(reader.read(self._position, reader.source.size_bytes)) as pieces:
            data, base = b"", self._position
            while self._frames <= frame:
                piece = await anext(pieces, b"")
                if not piece:
                    return False
                data += piece
                while (at := self._position - base) + HEADER_BYTES <= len(data):
                    frame_bytes = length(data, at)
                    if not frame_bytes:
                        return False
                    if self._frames % _STRIDE == 0:
                        self._offsets.append(self._position)
                    self._frames += 1
                    self._position += frame_bytes
                kept = min(at, len(data))
                data, base = data[kept:], base + kept
        return True


class FrameIndexes:
    """The indexes of a process, shared by its readings; the longest unused go first."""

    def __init__(self) -> None:
        self._indexes: OrderedDict[Source, FrameIndex] = OrderedDict()

    def of(self, recording: Recording) -> FrameIndex:
        """Return the index of a recording, which grows as it is used."""
        source = recording.source
        if not source.is_pinned:
            return FrameIndex(recording)
        index = self._indexes.pop(source, None) or FrameIndex(recording)
        self._indexes[source] = index
        if len(self._indexes) > _KEPT_INDEXES:
            self._indexes.popitem(last=False)
        return index


def _agree(frame_format: FrameFormat, data: bytes, at: int) -> bool:
    for _ in range(_AGREEING_FRAMES):
        length = frame_format.length(data, at) if at + HEADER_BYTES <= len(data) else 0
        if not length:
            return False
        at += length
    return True


async def _read(reader: Reader, start: int, end: int) -> bytes:
    end = min(end, reader.source.size_bytes)
    return b"".join([piece async for piece in reader.read(start, end)])
