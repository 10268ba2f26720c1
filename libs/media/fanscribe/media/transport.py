"""MPEG-TS: the packets in which pieces of audio begin, and their time stamps."""

from collections.abc import Iterator
from typing import Final

from fanscribe.media.anchor import Anchor, Mark
from fanscribe.media.limits import KIB
from fanscribe.media.ranges import RangeReader
from fanscribe.media.recording import Recording

_PACKET_BYTES: Final = 188
_SYNC: Final = 0x47
_CLOCK_HZ: Final = 90_000
_HEADER_LOOK_BYTES: Final = 64 * KIB
# Elementary streams that hold audio: MPEG audio and AAC, private (AC-3), extended.
_AUDIO_IDS: Final = frozenset({*range(0xC0, 0xE0), 0xBD, 0xFD})


class PacketLayout:
    """A `landmarks.Layout`."""

    has_index = False
    can_be_joined = True
    # Streams stand beside one another only roughly, and a piece may hold half a second.
    preroll_us = 2_000_000

    def __init__(self, header_bytes: int) -> None:
        self.header_bytes = header_bytes

    def marks(self, data: bytes, offset: int) -> list[Mark]:
        """Return the packets in which audio with a time stamp begins."""
        first = -offset % _PACKET_BYTES
        return [
            Mark(offset + at, pts * 1_000_000 // _CLOCK_HZ)
            for at in range(first, len(data) - _PACKET_BYTES + 1, _PACKET_BYTES)
            if (pts := _audio_pts(data[at : at + _PACKET_BYTES])) is not None
        ]

    def end_us(self, data: bytes, offset: int) -> int | None:
        """Return where the last piece begins, held for as long as the one before it."""
        times = [mark.time_us for mark in self.marks(data, offset)]
        return 2 * times[-1] - times[-2] if len(times) > 1 else None

    def anchor(self, start_byte: int) -> Anchor:
        """Return the view: the tables of the first packets, then what follows."""
        return Anchor(start_byte, self.header_bytes)


def _payload(packet: bytes) -> bytes:
    """Content of a packet in which something begins; empty for others."""
    if packet[0] != _SYNC or not packet[1] & 0x40 or not packet[3] & 0x10:
        return b""
    return packet[5 + packet[4] :] if packet[3] & 0x20 else packet[4:]


def _audio_pts(packet: bytes) -> int | None:
    payload = _payload(packet)
    if len(payload) < 14 or payload[:3] != b"\0\0\1" or payload[3] not in _AUDIO_IDS:
        return None
    if not payload[7] & 0x80:
        return None
    high, middle, low = payload[9], payload[10:12], payload[12:14]
    return (
        (high >> 1 & 7) << 30
        | int.from_bytes(middle, "big") >> 1 << 15
        | int.from_bytes(low, "big") >> 1
    )


class ProgramMaps:
    """Finds the streams of each program in a transport stream that is fed in order."""

    def __init__(self) -> None:
        self._data = b""
        self._maps: set[int] = set()

    def feed(self, data: bytes, *, is_last: bool) -> Iterator[tuple[bytes, ...]]:  # noqa: ARG002
        """Yield the streams that each map in `data` tells: of each its kind and id."""
        data, at = self._data + data, 0
        while at + _PACKET_BYTES <= len(data):
            if data[at] != _SYNC:  # a part was cut off in the middle of a packet
                found = data.find(_SYNC, at + 1)
                at = found if found >= 0 else len(data)
                continue
            pid = int.from_bytes(data[at + 1 : at + 3], "big") & 0x1FFF
            if pid == 0 or pid in self._maps:
                section = _section(_payload(data[at : at + _PACKET_BYTES]))
                if pid == 0:
                    self._maps.update(_map_ids(section))
                elif streams := _streams(section):
                    yield streams
            at += _PACKET_BYTES
        self._data = data[at:]


def _section(payload: bytes) -> bytes:
    """Return the table that begins in a packet, without its checksum; empty if not all of it."""
    section = payload[1 + payload[0] :] if payload else b""
    end = 3 + (int.from_bytes(section[1:3], "big") & 0xFFF)
    return section[: end - 4] if 3 < end <= len(section) else b""


def _map_ids(section: bytes) -> set[int]:
    """Ids of the packets that hold the programs' maps."""
    return {
        int.from_bytes(section[at + 2 : at + 4], "big") & 0x1FFF
        for at in range(8, len(section) - 3, 4)
        if section[at : at + 2] != b"\0\0"
    }


def _streams(section: bytes) -> tuple[bytes, ...]:
    """Kind and id of each stream of a program."""
    streams = []
    at = 12 + (int.from_bytes(section[10:12], "big") & 0xFFF)
    while at + 5 <= len(section):
        streams.append(section[at : at + 3])
        at += 5 + (int.from_bytes(section[at + 3 : at + 5], "big") & 0xFFF)
    return tuple(sorted(streams))


def _tables(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Yield the end of each packet in which something begins, its id, and its content."""
    for at in range(0, len(data) - _PACKET_BYTES + 1, _PACKET_BYTES):
        packet = data[at : at + _PACKET_BYTES]
        if packet[0] != _SYNC:
            return
        payload = _payload(packet)
        if payload:
            yield at + _PACKET_BYTES, int.from_bytes(packet[1:3], "big") & 0x1FFF, payload


async def open_packets(
    reader: RangeReader,
    recording: Recording,  # noqa: ARG001  every stream has its own time stamps
) -> PacketLayout | None:
    """Look for the tables at the head of a transport stream; None if they are not there."""
    maps: set[int] = set()
    for end, pid, payload in _tables(await reader.read_all(0, _HEADER_LOOK_BYTES)):
        if pid == 0:
            maps.update(_map_ids(_section(payload)))
        elif pid in maps:
            maps.discard(pid)
            if not maps:
                return PacketLayout(end)
    return None
