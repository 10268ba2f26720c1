"""Ogg: the pages, each of which tells where on the timeline it ends."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile
from typing import Final

from fanscribe.media.anchor import Anchor, Mark
from fanscribe.media.landmarks import JoinedError
from fanscribe.media.limits import KIB, MIB
from fanscribe.media.ranges import RangeReader
from fanscribe.media.recording import Recording

_PAGE_HEAD_BYTES: Final = 27
_NOTHING_ENDS_HERE: Final = (1 << 64) - 1
_FIRST_PAGE_FLAG: Final = 2
_LOOK_BYTES: Final = 64 * KIB
_MOST_HEADER_BYTES: Final = 16 * MIB  # comments may hold pictures


@dataclass(frozen=True)
class Page:
    """A page in `data`: data[at:end]; it begins and ends streams, and counts in samples."""

    at: int
    end: int
    serial: int
    granule: int | None  # position at its end; None: no packet ends in it
    is_first: bool
    content: bytes  # as far as there is


def pages(data: bytes) -> Iterator[Page]:
    """Yield the pages in `data` whose heads are whole."""
    at = data.find(b"OggS")
    while at >= 0 and at + _PAGE_HEAD_BYTES <= len(data):
        lengths = data[at + 27 : at + 27 + data[at + 26]]
        if data[at + 4] or data[at + 5] > 7 or len(lengths) < data[at + 26]:
            at = data.find(b"OggS", at + 1)  # chance made it look like one, or it is cut off
            continue
        start = at + _PAGE_HEAD_BYTES + len(lengths)
        granule = int.from_bytes(data[at + 6 : at + 14], "little")
        yield Page(
            at,
            start + sum(lengths),
            int.from_bytes(data[at + 14 : at + 18], "little"),
            None if granule == _NOTHING_ENDS_HERE else granule,
            bool(data[at + 5] & _FIRST_PAGE_FLAG),
            data[start : start + sum(lengths)],
        )
        at = data.find(b"OggS", at + 4)


class PageLayout:
    """A `landmarks.Layout`."""

    has_index = False
    can_be_joined = True
    # The first pages of a view are not placed exactly; a page may hold a second.
    preroll_us = 2_500_000

    def __init__(self, header_bytes: int, serial: int, rate: int, serials: frozenset[int]) -> None:
        """`serial` is the audio's, of the `serials` of all streams."""
        self.header_bytes = header_bytes
        self._serial = serial
        self._serials = serials
        self._rate = rate

    def marks(self, data: bytes, offset: int) -> list[Mark]:
        """Return the ends of pages. Raises JoinedError where some are another recording's."""
        found = list(pages(data))
        if not self._serials.issuperset(page.serial for page in found):
            raise JoinedError
        return [
            Mark(offset + page.end, self._us(page.granule))
            for page in found
            if page.serial == self._serial
            and page.granule
            and offset + page.at >= self.header_bytes
        ]

    def end_us(self, data: bytes, offset: int) -> int | None:
        """Return the end of the last page."""
        marks = self.marks(data, offset)
        return marks[-1].time_us if marks else None

    def anchor(self, start_byte: int) -> Anchor:
        """Return the view: pages stand for themselves."""
        return Anchor(start_byte, self.header_bytes)

    def _us(self, granule: int) -> int:
        return granule * 1_000_000 // self._rate


async def open_pages(reader: RangeReader, recording: Recording) -> PageLayout | None:
    """Read the head of an Ogg file; None if it is not laid out in a way understood here."""
    data = b""
    while len(data) < min(_MOST_HEADER_BYTES, reader.source.size_bytes):
        data += await reader.read_all(len(data), len(data) + _LOOK_BYTES + len(data))
        # Others that begin later are another recording's.
        streams = list(takewhile(lambda page: page.is_first, pages(data)))
        if recording.stream_index >= len(streams):
            return None
        stream = streams[recording.stream_index]
        rate = _rate(stream.content)
        if rate is None:
            return None
        for page in pages(data):
            if page.granule:  # headers are at 0
                serials = frozenset(page.serial for page in streams)
                return PageLayout(page.at, stream.serial, rate, serials)
    return None


def _rate(first_packet: bytes) -> int | None:
    """Samples in a second, as granule positions count them."""
    if first_packet.startswith(b"OpusHead"):
        return 48_000
    rate = 0
    if first_packet.startswith(b"\x01vorbis"):
        rate = int.from_bytes(first_packet[12:16], "little")
    elif first_packet.startswith(b"Speex   "):
        rate = int.from_bytes(first_packet[36:40], "little")
    elif first_packet.startswith(b"\x7fFLAC"):
        rate = int.from_bytes(first_packet[27:30], "big") >> 4
    return rate or None
