"""What the head of an mp3 or ADTS file tells of its frames."""

from dataclasses import dataclass, replace
from typing import Final

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
)
from fanscribe.media.framewalk import FrameWalk
from fanscribe.media.limits import KIB
from fanscribe.media.ranges import RangeReader
from fanscribe.media.recording import Recording

_HEAD_BYTES: Final = 4 * KIB


@dataclass(frozen=True)
class FrameStream:
    """Frames of one format, back to back from the first one with audio."""

    format: FrameFormat
    walk: FrameWalk  # from the first one on
    first_offset: int
    tag: InfoTag | None = None
    mean_length: float | None = None  # None: their lengths follow no rule

    def time_us(self, frame: int, samples: int = 0) -> int:
        """Time stamp of a frame, or of `samples` behind its beginning."""
        return round((frame * self.format.samples + samples) * 1_000_000 / self.format.rate)

    @property
    def end_us(self) -> int | None:
        """Time stamp at which the audio ends, if a tag tells it."""
        if self.tag is None or not self.tag.frames:
            return None
        return self.time_us(self.tag.frames, -self.tag.end_skip_samples)

    async def compute(self, reader: RangeReader, frame: int) -> tuple[int, int] | None:
        """Return number and offset of a frame near `frame`, by arithmetic; None: there is none.

        Encoders keep the mean length exact.
        """
        mean = self.mean_length
        if mean is None:
            return None
        guess = self.first_offset + int(frame * mean)
        if guess <= self.first_offset:
            return 0, self.first_offset
        data = await reader.read_all(guess, guess + int((2 + AGREEING_FRAMES) * (mean + 1)))
        at = next((at for at in range(int(mean) + 2) if agree(self.format, data, at)), None)
        if at is None:
            return None
        number = (guess + at - self.first_offset) / mean
        # Padding evens out to within a byte; anything else is not the file its tag describes.
        if abs(number - round(number)) * mean > 1.5:
            return None
        return round(number), guess + at


async def open_stream(reader: RangeReader, recording: Recording) -> FrameStream | None:
    """Look at the first frame of an mp3 or ADTS file; None if it is not where it should be."""
    start = id3_bytes(await reader.read_all(0, 10))
    head = await reader.read_all(start, start + _HEAD_BYTES)
    head += bytes(_HEAD_BYTES - len(head))  # a small file: nothing there is no frame
    try:
        found = (MpegFormat if recording.container == "mp3" else AdtsFormat)(head)
    except ValueError:
        return None  # something before the first frame: ffmpeg's demuxer knows better
    length = found.length(head, 0)
    tag = info_tag(head[:length], found) if isinstance(found, MpegFormat) else None
    if tag and tag.size_bytes and await _goes_on(reader, start + tag.size_bytes):
        # It tells of the first part alone.
        tag = replace(tag, is_constant_bit_rate=False, frames=0, end_skip_samples=0)
    # VBRI tags are rare; where time 0 lies has to agree with what ffmpeg found.
    skipped_us = round((tag.start_skip_samples if tag else 0) * 1_000_000 / found.rate)
    is_elsewhere = abs(skipped_us - recording.start_time_us) > 2
    if not length or b"VBRI" in head[:64] or is_elsewhere:
        return None
    if tag is None:
        return FrameStream(found, FrameWalk(found, start), start)
    first_offset, mean_length = start + length, None
    if tag.is_constant_bit_rate and found.length(head, length):
        mean_length = MpegFormat(head[length:]).mean_length
        # A tag that tells of all the bytes there are is believed.
        told_bytes = first_offset + tag.frames * mean_length
        if abs(told_bytes - reader.source.size_bytes) > _HEAD_BYTES:
            mean_length = None
    walk = FrameWalk(found, first_offset)
    return FrameStream(found, walk, first_offset, tag, mean_length)


async def _goes_on(reader: RangeReader, end: int) -> bool:
    """Whether another recording begins at `end` of the first one: files were joined."""
    head = await reader.read_all(end, end + HEADER_BYTES)
    return head[:3] == b"ID3" or (head[:1] == b"\xff" and head[1:2] >= b"\xe0")
