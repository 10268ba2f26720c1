"""Frames of MPEG audio (mp3, mp2) and ADTS (aac): where each ends, and what the first one tells."""

from dataclasses import dataclass
from typing import Final, Protocol

AGREEING_FRAMES: Final = 4  # in a row: then it is no chance that bytes look like a frame
HEADER_BYTES: Final = 7  # enough of a frame to tell its length

_KBPS: Final = {
    # (MPEG version 1?, layer): bit rates by index
    (True, 3): (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (True, 2): (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (False, 3): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 2): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_RATES: Final = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
_ADTS_RATES: Final = (
    *(96000, 88200, 64000, 48000, 44100, 32000, 24000),
    *(22050, 16000, 12000, 11025, 8000, 7350),
)
# What an mp3 decoder itself adds before the first sample.
_DECODER_DELAY_SAMPLES: Final = 529


class FrameFormat(Protocol):
    """What all frames of a stream have in common."""

    rate: int  # samples in a second
    samples: int  # in each frame

    def length(self, data: bytes, at: int) -> int:
        """Bytes of the frame whose header is at `data[at]`; 0 if none of this format is."""


class MpegFormat:
    """Frames like the one whose header is given. Raises ValueError if it is none."""

    def __init__(self, header: bytes) -> None:
        version, layer = header[1] >> 3 & 3, 4 - (header[1] >> 1 & 3)
        rate_index = header[2] >> 2 & 3
        if header[0] != 0xFF or header[1] < 0xE0 or version == 1 or rate_index == 3:
            raise ValueError("not a header of MPEG audio")
        if layer not in {2, 3}:
            raise ValueError("MPEG audio of another layer")
        self.rate = _RATES[version][rate_index]
        self.samples = 576 if layer == 3 and version != 3 else 1152
        self.is_mono = header[3] >> 6 == 3
        self.is_version_1 = version == 3
        self._second_byte = header[1] | 1  # the last bit tells of a checksum
        kbps = _KBPS[self.is_version_1, layer]
        self._lengths = [self._length(third, rate_index, kbps) for third in range(256)]
        # If the bit rate is constant: padding makes whole frames of it, now and then one byte more.
        bit_rate_index = min(header[2] >> 4, 14)
        self.mean_length = self.samples / 8 * kbps[bit_rate_index] * 1000 / self.rate

    def _length(self, third_byte: int, rate_index: int, kbps: tuple[int, ...]) -> int:
        bit_rate_index, padding = third_byte >> 4, third_byte >> 1 & 1
        if third_byte >> 2 & 3 != rate_index or bit_rate_index in {0, 15}:
            return 0
        return self.samples // 8 * kbps[bit_rate_index] * 1000 // self.rate + padding

    def length(self, data: bytes, at: int) -> int:
        """Bytes of the frame at `data[at]`, or 0."""
        if data[at] != 0xFF or data[at + 1] | 1 != self._second_byte:
            return 0
        return self._lengths[data[at + 2]]


class AdtsFormat:
    """Frames like the one whose header is given. Raises ValueError if it is none."""

    samples = 1024

    def __init__(self, header: bytes) -> None:
        rate_index = header[2] >> 2 & 15
        if header[0] != 0xFF or header[1] & 0xF6 != 0xF0 or rate_index >= len(_ADTS_RATES):
            raise ValueError("not a header of ADTS")
        self.rate = _ADTS_RATES[rate_index]
        self._third_bits = header[2] & 0xFC  # profile and rate

    def length(self, data: bytes, at: int) -> int:
        """Bytes of the frame at `data[at]`, or 0, also for the rare frame of several blocks."""
        if data[at] != 0xFF or data[at + 1] & 0xF6 != 0xF0 or data[at + 6] & 3:
            return 0
        if data[at + 2] & 0xFC != self._third_bits:
            return 0
        return (data[at + 3] & 3) << 11 | data[at + 4] << 3 | data[at + 5] >> 5


@dataclass(frozen=True)
class InfoTag:
    """The Xing or Info tag of an mp3: a first frame without audio that describes the others."""

    is_constant_bit_rate: bool
    frames: int  # with audio; 0 if not told
    start_skip_samples: int  # of the first frames: no part of the recording
    end_skip_samples: int  # of the last frame
    size_bytes: int = 0  # of all frames and this one; 0 if not told


def id3_bytes(head: bytes) -> int:
    """Length of the ID3v2 tag at the start of a file; 0 if there is none."""
    if len(head) < 10 or head[:3] != b"ID3":
        return 0
    size = 0
    for byte in head[6:10]:
        size = size << 7 | byte & 0x7F
    return 10 + size + (10 if head[5] & 0x10 else 0)


def info_tag(frame: bytes, frame_format: MpegFormat) -> InfoTag | None:
    """Read the tag in a stream's first frame; None if it holds audio."""
    if frame_format.is_version_1:
        at = 4 + (17 if frame_format.is_mono else 32)
    else:
        at = 4 + (9 if frame_format.is_mono else 17)
    name = frame[at : at + 4]
    if name not in {b"Xing", b"Info"}:
        return None
    flags = int.from_bytes(frame[at + 4 : at + 8], "big")
    frames = int.from_bytes(frame[at + 8 : at + 12], "big") if flags & 1 else 0
    size_at = at + (12 if flags & 1 else 8)
    size_bytes = int.from_bytes(frame[size_at : size_at + 4], "big") if flags & 2 else 0
    # Count of frames, count of bytes, table of contents, quality; then the encoder's own part.
    encoder_at = (
        at + 8 + sum(length for bit, length in ((1, 4), (2, 4), (4, 100), (8, 4)) if flags & bit)
    )
    start_skip = end_skip = 0
    if frame[encoder_at : encoder_at + 4] in {b"LAME", b"Lavf", b"Lavc"}:
        delays = int.from_bytes(frame[encoder_at + 21 : encoder_at + 24], "big")
        start_skip = (delays >> 12) + _DECODER_DELAY_SAMPLES
        end_skip = max(0, (delays & 0xFFF) - _DECODER_DELAY_SAMPLES)
    return InfoTag(name == b"Info", frames, start_skip, end_skip, size_bytes)


def next_frame(frame_format: FrameFormat, data: bytes, at: int, end: int) -> int:
    """Position in data[at:end] of the first of several frames in a row, or `end`."""
    while (at := data.find(b"\xff", at, end)) >= 0:
        if agree(frame_format, data, at):
            return at
        at += 1
    return end


def agree(frame_format: FrameFormat, data: bytes, at: int) -> bool:
    """Whether several frames in a row begin at `data[at]`: then it is no chance."""
    for _ in range(AGREEING_FRAMES):
        length = frame_format.length(data, at) if at + HEADER_BYTES <= len(data) else 0
        if not length:
            return False
        at += length
    return True
