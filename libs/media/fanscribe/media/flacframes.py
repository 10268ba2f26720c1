"""FLAC: the frames, each of which tells its number and so where on the timeline it begins."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from fanscribe.media.anchor import Anchor, Mark
from fanscribe.media.landmarks import JoinedError
from fanscribe.media.limits import MIB
from fanscribe.media.ranges import RangeReader
from fanscribe.media.recording import Recording

MARKER: Final = b"fLaC"
_BLOCK_HEAD_BYTES: Final = 4
_STREAMINFO_BYTES: Final = 34
_MOST_HEADER_BYTES: Final = 64 * MIB  # pictures
_LONGEST_HEAD_BYTES: Final = 16
_COUNTS_SAMPLES: Final = 1  # last bit of the sync code: block sizes vary

_USUAL_BLOCKS: Final = {1: 192} | {code: 576 << code - 2 for code in range(2, 6)}
_BLOCK_SAMPLES: Final = _USUAL_BLOCKS | {code: 256 << code - 8 for code in range(8, 16)}


@dataclass(frozen=True)
class Frame:
    """The head of a frame in `data`, at data[at]."""

    at: int
    start_sample: int
    samples: int
    looks: bytes  # what is the same in all frames of a recording


class FrameLayout:
    """A `landmarks.Layout`."""

    has_index = False
    can_be_joined = True
    preroll_us = 0  # frames stand alone

    def __init__(self, header_bytes: int, block_samples: int, rate: int, looks: bytes) -> None:
        """`looks` are those of its frames.

        `block_samples` is the length of all frames but the last, where they are numbered.
        """
        self.header_bytes = header_bytes
        self._block_samples = block_samples
        self._rate = rate
        self._looks = looks

    def marks(self, data: bytes, offset: int) -> list[Mark]:
        """Return the frames. Raises JoinedError where all are another recording's."""
        frames = list(self._frames(data))
        own = [frame for frame in frames if frame.looks == self._looks]
        if len(frames) > 1 and not own:  # a single one may be chance
            raise JoinedError
        return [Mark(offset + frame.at, self._us(frame.start_sample)) for frame in own]

    def end_us(self, data: bytes, offset: int) -> int | None:  # noqa: ARG002  `data` is enough
        """Return the end of the last frame."""
        ends = [
            frame.start_sample + frame.samples
            for frame in self._frames(data)
            if frame.looks == self._looks
        ]
        return self._us(ends[-1]) if ends else None

    def anchor(self, start_byte: int) -> Anchor:
        """Return the view: frames stand for themselves."""
        return Anchor(start_byte, self.header_bytes)

    def _us(self, sample: int) -> int:
        return sample * 1_000_000 // self._rate

    def _frames(self, data: bytes) -> Iterator[Frame]:
        at = data.find(self._looks[:2])
        while at >= 0:
            frame = self._frame(data[at : at + _LONGEST_HEAD_BYTES], at)
            if frame is not None:
                yield frame
            at = data.find(self._looks[:2], at + 1)

    def _frame(self, head: bytes, at: int) -> Frame | None:
        if len(head) <= 4:
            return None
        number_bytes = max(1, 8 - (head[4] ^ 0xFF).bit_length())
        position = 4 + number_bytes
        number = _coded_number(head[4:position])
        code = head[2] >> 4
        samples = _BLOCK_SAMPLES.get(code, 0)
        if code in {6, 7}:
            samples = int.from_bytes(head[position : position + code - 5], "big") + 1
            position += code - 5
        position += {12: 1, 13: 2, 14: 2}.get(head[2] & 0x0F, 0)
        if number is None or not samples or position >= len(head):
            return None
        if _crc8(head[:position]) != head[position]:
            return None
        counts_samples = head[1] & _COUNTS_SAMPLES
        start_sample = number if counts_samples else number * self._block_samples
        return Frame(at, start_sample, samples, _looks(head))


def _looks(head: bytes) -> bytes:
    """Kind of block size, sample rate and sample size, of the first four bytes of a frame."""
    return bytes([*head[:2], head[2] & 0x0F, head[3] & 0x0F])


def audio_format(data: bytes) -> bytes | None:
    """Return rate, channels and sample size as a stream that begins at data[0] tells them."""
    info_at = len(MARKER) + _BLOCK_HEAD_BYTES
    head, info = data[len(MARKER) : info_at], data[info_at : info_at + _STREAMINFO_BYTES]
    # The top bit tells whether more follows about the stream.
    is_info = head[1:] == _STREAMINFO_BYTES.to_bytes(3, "big") and not head[0] & 0x7F
    if not is_info or len(info) < _STREAMINFO_BYTES:
        return None
    # 20 bits, 3 bits, 5 bits; the number of samples follows.
    return info[10:13] + bytes([info[13] & 0xF0])


def _coded_number(coded: bytes) -> int | None:
    """Decode a number written as UTF-8 writes characters, of up to 36 bits."""
    if len(coded) == 1:
        return coded[0] if coded[0] < 0x80 else None
    if any(byte & 0xC0 != 0x80 for byte in coded[1:]):
        return None
    number = coded[0] & (0x7F >> len(coded))
    for byte in coded[1:]:
        number = number << 6 | byte & 0x3F
    return number


def _crc8(data: bytes) -> int:
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1 ^ 0x07) & 0xFF if crc & 0x80 else crc << 1
    return crc


async def open_frames(reader: RangeReader, recording: Recording) -> FrameLayout | None:  # noqa: ARG001
    """Read the head of a FLAC file; None if it is not laid out in a way understood here."""
    if await reader.read_all(0, len(MARKER)) != MARKER:
        return None
    position, info, is_last = len(MARKER), b"", False
    while not is_last and position < _MOST_HEADER_BYTES:
        head = await reader.read_all(position, position + _BLOCK_HEAD_BYTES)
        if len(head) < _BLOCK_HEAD_BYTES:
            return None
        if not info:  # it comes first
            start = position + _BLOCK_HEAD_BYTES
            info = await reader.read_all(start, start + _STREAMINFO_BYTES)
        is_last = bool(head[0] & 0x80)
        position += _BLOCK_HEAD_BYTES + int.from_bytes(head[1:], "big")
    first = await reader.read_all(position, position + 4)
    rate = int.from_bytes(info[10:13], "big") >> 4
    if len(first) < 4 or first[0] != 0xFF or first[1] & 0xFE != 0xF8 or not rate:
        return None
    return FrameLayout(position, int.from_bytes(info[2:4], "big"), rate, _looks(first))
