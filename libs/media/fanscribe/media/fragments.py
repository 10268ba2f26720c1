"""Fragmented mp4: the moof boxes, each of which tells where on the timeline it begins."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from fanscribe.media.anchor import Anchor, Mark
from fanscribe.media.limits import MIB
from fanscribe.media.ranges import RangeReader
from fanscribe.media.recording import Recording

_BOX_HEAD_BYTES: Final = 16
_MOST_MOOV_BYTES: Final = 16 * MIB
_MOST_BOXES: Final = 64  # before the first fragment


@dataclass(frozen=True)
class Box:
    """A box in `data`: its content is data[start:end]."""

    kind: bytes
    start: int
    end: int


def boxes(data: bytes, start: int, end: int) -> Iterator[Box]:
    """Yield the boxes that tile data[start:end]; the last may go on beyond it.

    Raises ValueError for what is no box.
    """
    while start + 8 <= end:
        size, kind = int.from_bytes(data[start : start + 4], "big"), data[start + 4 : start + 8]
        head = 8
        if size == 1 and start + 16 <= end:
            size, head = int.from_bytes(data[start + 8 : start + 16], "big"), 16
        if size < head or not kind.strip(b"\xa9").replace(b" ", b"").isalnum():
            raise ValueError("not a box")
        yield Box(kind, start + head, start + size)
        start += size


def find(data: bytes, box: Box, *path: bytes) -> list[Box]:
    """Return the boxes at `path` below a box."""
    found = [box]
    for kind in path:
        found = [
            child
            for parent in found
            for child in boxes(data, parent.start, parent.end)
            if child.kind == kind
        ]
    return found


def _number(data: bytes, at: int, length: int) -> int:
    return int.from_bytes(data[at : at + length], "big")


class FragmentLayout:
    """A `landmarks.Layout`."""

    has_index = False
    can_be_joined = True
    preroll_us = 200_000

    def __init__(
        self, header_bytes: int, track_id: int, timescale: int, default_duration: int
    ) -> None:
        """`default_duration` of a sample, and times in the boxes, count in 1 / `timescale` s."""
        self.header_bytes = header_bytes
        self._track_id = track_id
        self._timescale = timescale
        self._default_duration = default_duration

    def marks(self, data: bytes, offset: int) -> list[Mark]:
        """Return the fragments that hold audio."""
        return [
            Mark(offset + at, self._us(self._decode_time(data, traf)))
            for at, traf in self._fragments(data)
        ]

    def end_us(self, data: bytes, offset: int) -> int | None:  # noqa: ARG002  `data` is enough
        """Return the end of the last fragment's last sample."""
        ends = [
            self._decode_time(data, traf) + self._duration(data, traf)
            for _, traf in self._fragments(data)
        ]
        return self._us(max(ends)) if ends else None

    def anchor(self, start_byte: int) -> Anchor:
        """Return the view: offsets may count from the file's start, so all keeps its place."""
        left_out = start_byte - self.header_bytes
        filler = b""
        if left_out >= _BOX_HEAD_BYTES:
            filler = (1).to_bytes(4, "big") + b"free" + left_out.to_bytes(8, "big")
        else:
            start_byte = self.header_bytes
        return Anchor(start_byte, self.header_bytes, filler)

    def _us(self, time: int) -> int:
        return time * 1_000_000 // self._timescale

    def _fragments(self, data: bytes) -> Iterator[tuple[int, Box]]:
        """Yield each moof's position, and the part of it that is about the audio track."""
        at = data.find(b"moof")
        while at >= 0:
            start = at - 4
            if start >= 0 and start + (size := _number(data, start, 4)) <= len(data):
                traf = self._traf(data, Box(b"moof", start + 8, start + size))
                if traf is not None:
                    yield start, traf
            at = data.find(b"moof", at + 4)

    def _traf(self, data: bytes, moof: Box) -> Box | None:
        """Return the audio track's part of a moof; None if there is none, or it is no moof."""
        try:
            children = list(boxes(data, moof.start, moof.end))
            if not children or children[0].kind != b"mfhd" or children[-1].end != moof.end:
                return None
            for traf in find(data, moof, b"traf"):
                (tfhd,) = find(data, traf, b"tfhd")
                if _number(data, tfhd.start + 4, 4) == self._track_id:
                    return traf if find(data, traf, b"tfdt") else None
        except ValueError:
            return None  # chance made it look like one
        return None

    def _decode_time(self, data: bytes, traf: Box) -> int:
        tfdt = find(data, traf, b"tfdt")[0]
        return _number(data, tfdt.start + 4, 8 if _number(data, tfdt.start, 1) else 4)

    def _duration(self, data: bytes, traf: Box) -> int:
        tfhd = find(data, traf, b"tfhd")[0]
        flags = _number(data, tfhd.start + 1, 3)
        # Optional fields in their order: base offset, description index, duration.
        at = tfhd.start + 8 + (8 if flags & 1 else 0) + (4 if flags & 2 else 0)
        default = _number(data, at, 4) if flags & 8 else self._default_duration
        return sum(_run_duration(data, trun, default) for trun in find(data, traf, b"trun"))


def _run_duration(data: bytes, trun: Box, default: int) -> int:
    flags, count = _number(data, trun.start + 1, 3), _number(data, trun.start + 4, 4)
    if not flags & 0x100:
        return count * default
    at = trun.start + 8 + (4 if flags & 1 else 0) + (4 if flags & 4 else 0)
    stride = 4 * (flags & 0xF00).bit_count()
    end = min(at + count * stride, trun.end)
    return sum(_number(data, position, 4) for position in range(at, end, stride))


async def open_fragments(reader: RangeReader, recording: Recording) -> FragmentLayout | None:
    """Read the head of an mp4; None if it is not fragmented, or not in a way understood here."""
    position = 0
    for _ in range(_MOST_BOXES):
        head = await reader.read_all(position, position + _BOX_HEAD_BYTES)
        try:
            box = next(boxes(head, 0, len(head)), None)
        except ValueError:
            return None
        if box is None or box.kind in {b"mdat", b"moof"}:
            return None
        if box.kind == b"moov" and box.end <= _MOST_MOOV_BYTES:
            data = await reader.read_all(position, position + box.end)
            return _layout(data, box, position + box.end, recording.stream_index)
        position += box.end
    return None


def _layout(data: bytes, moov: Box, header_bytes: int, stream_index: int) -> FragmentLayout | None:
    try:
        defaults = find(data, moov, b"mvex", b"trex")
        trak = find(data, moov, b"trak")[stream_index]
        tkhd, mdhd = find(data, trak, b"tkhd")[0], find(data, trak, b"mdia", b"mdhd")[0]
    except (ValueError, IndexError):
        return None
    # Version 1 tells the times of creation and change in 8 bytes each, version 0 in 4.
    track_id = _number(data, tkhd.start + (20 if data[tkhd.start] else 12), 4)
    timescale = _number(data, mdhd.start + (20 if data[mdhd.start] else 12), 4)
    for trex in defaults:
        if _number(data, trex.start + 4, 4) == track_id and timescale:
            duration = _number(data, trex.start + 12, 4)
            return FragmentLayout(header_bytes, track_id, timescale, duration)
    return None
