"""Finding the bytes of a span in mp3 and ADTS, which have no index of their own.

ffmpeg would read everything before the span, for every span. Here each frame's header is looked at
once in a process, and where all frames are equally long, never.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from typing import Final

from fanscribe.media.anchor import Anchor
from fanscribe.media.framestream import FrameStream, open_stream
from fanscribe.media.framewalk import FrameWalk
from fanscribe.media.ranges import RangeReader
from fanscribe.media.recording import Recording

FRAME_CONTAINERS: Final = frozenset({"mp3", "aac"})

# Frames that a decoder needs before what it gets right, and that may look damaged to it.
_PREROLL_FRAMES: Final = 24


class FrameIndex:
    """Where the frames of one recording are."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._lock = asyncio.Lock()
        self._looked = False
        self._stream: FrameStream | None = None
        self._ended = False  # all headers were looked at
        self._is_scanning = False  # somebody looks at headers
        self._news = asyncio.Event()

    async def opens(self, reader: RangeReader) -> bool:
        """Look at the first frame, once; False if there is none where it should be."""
        return await self._open(reader) is not None

    async def anchor(
        self, reader: RangeReader, recording: Recording, timestamp_us: int
    ) -> Anchor | None:
        """Return an anchor well before `timestamp_us`; None where only ffmpeg can seek."""
        stream = await self._open(reader)
        if stream is None or timestamp_us <= recording.start_time_us:
            return None
        frame = timestamp_us * stream.format.rate // (1_000_000 * stream.format.samples)
        frame = max(0, frame - _PREROLL_FRAMES)
        found = await stream.compute(reader, frame)
        if found is None:
            # Joined files keep the mean length no more: every header is looked at.
            self._stream = replace(stream, mean_length=None)
            found = await self._look_up(reader, stream.walk, frame)
        if found is None:
            return None  # the end of the recording: ffmpeg will tell
        number, offset = found
        return Anchor(offset, offset_us=stream.time_us(number), end_us=stream.end_us)

    async def end_us(self, reader: RangeReader) -> int | None:
        """Time stamp at which the audio ends, if a tag tells it."""
        stream = await self._open(reader)
        return None if stream is None else stream.end_us

    async def scan(self, reader: RangeReader) -> AsyncGenerator[int, None]:
        """Yield the time stamps up to which there are frames, the last one being the end."""
        stream = await self._open(reader)
        if stream is not None:
            async with aclosing(self._progress(reader, stream.walk)) as progress:
                async for _ in progress:
                    yield stream.time_us(stream.walk.frames)
            yield stream.time_us(stream.walk.frames)

    async def _open(self, reader: RangeReader) -> FrameStream | None:
        async with self._lock:
            if not self._looked:
                self._stream = await open_stream(reader, self._recording)
                self._looked = True
        return self._stream

    async def _look_up(
        self, reader: RangeReader, walk: FrameWalk, frame: int
    ) -> tuple[int, int] | None:
        """Return number and offset of a frame up to `frame`, close to it; None: it ends before."""
        if walk.frames <= frame:
            async with aclosing(self._progress(reader, walk)) as progress:
                async for _ in progress:
                    if walk.frames > frame:
                        break
        return walk.at_or_before(frame) if walk.frames > frame else None

    async def _progress(self, reader: RangeReader, walk: FrameWalk) -> AsyncGenerator[None, None]:
        """Look at headers, or wait for whoever does; yield whenever more frames are known."""
        while not self._ended:
            if self._is_scanning:
                await self._news.wait()
                yield
                continue
            self._is_scanning = True
            try:
                async with aclosing(_advance(reader, walk)) as steps:
                    async for _ in steps:
                        self._tell()
                        yield
                self._ended = True
            finally:
                self._is_scanning = False
                self._tell()

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()


async def _advance(reader: RangeReader, walk: FrameWalk) -> AsyncGenerator[None, None]:
    """Go on to the end of the recording; yield after every piece that was read."""
    size_bytes = reader.source.size_bytes
    async with aclosing(reader.read(walk.position, size_bytes)) as pieces:
        data, base = b"", walk.position
        async for piece in pieces:
            data += piece
            walk.go(data, base, is_last=base + len(data) >= size_bytes)
            kept = min(walk.position - base, len(data))
            data, base = data[kept:], base + kept
            yield
