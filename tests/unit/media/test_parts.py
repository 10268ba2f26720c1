"""Parts of a joined file that are like the first one, or not, however their bytes come."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fanscribe.media.parts import PartsCheck
from fanscribe.media.recording import Recording, Strategy
from fanscribe.media.source import Source
from fanscribe.runtime.errors import FanscribeError

_PACKET = 188


def flac(rate: int, payload: bytes) -> bytes:
    """The head of a FLAC stream with two channels of 16 bits, and some payload."""
    told = (rate << 12 | 1 << 9 | 15 << 4).to_bytes(4, "big")
    info = bytes(10) + told + payload[:4].ljust(4, b"\0") + bytes(16)
    return b"fLaC\x80\0\0\x22" + info + payload


def packet(pid: int, section: bytes) -> bytes:
    """A transport packet in which a table begins; the checksum is not looked at."""
    length = len(section) + 4
    table = bytes([2 if pid else 0, 0xB0 | length >> 8, length & 0xFF, *section, 0, 0, 0, 0])
    head = bytes([0x47, 0x40 | pid >> 8, pid & 0xFF, 0x10, 0])
    return (head + table).ljust(_PACKET, b"\xff")


def transport(streams: list[tuple[int, int]]) -> bytes:
    """The tables of a transport stream: a list of programs, and the map of one."""
    entries = b"".join(bytes([kind, 0xE0 | pid >> 8, pid & 0xFF, 0xF0, 0]) for kind, pid in streams)
    programs = packet(0, b"\0\1\xc1\0\0" + b"\0\1\xf0\0")
    return programs + packet(0x1000, b"\0\1\xc1\0\0" + b"\xe1\0\xf0\0" + entries)


def pieces(content: bytes, lengths: list[int]) -> Iterator[bytes]:
    at = 0
    while at < len(content):
        length = lengths.pop() if lengths else len(content)
        yield content[at : at + length]
        at += length


def all_alike(container: str, content: bytes, lengths: list[int]) -> bool:
    recording = Recording(
        Source("memory:", len(content)), container, "", 0, 0, 1, strategy=Strategy.JOINED
    )
    check = PartsCheck(recording)
    try:
        for piece in pieces(content, list(lengths)):
            check.see(piece)
    except FanscribeError:
        return False
    return True


_LENGTHS = st.lists(st.integers(1, 5000), max_size=50)


@given(_LENGTHS, st.binary(max_size=200))
def test_flac_of_another_rate_is_noticed(lengths: list[int], payload: bytes) -> None:
    first = flac(44_100, payload)
    assert all_alike("flac", first + flac(44_100, payload[1:]) * 2, lengths)
    assert not all_alike("flac", first + flac(48_000, payload) + first, lengths)
    # What looks like a head by chance is none.
    assert all_alike("flac", first + b"fLaC" + payload + b"fLaC", lengths)


@given(_LENGTHS, st.integers(0, _PACKET - 1))
def test_a_transport_stream_that_goes_on_with_other_streams_is_noticed(
    lengths: list[int], cut: int
) -> None:
    audio, picture = [(0x0F, 0x100)], [(0x1B, 0x100), (0x0F, 0x101)]
    filler = packet(0x1FFF, b"") * 2_000  # the first tables have had their turn
    # The first recording may be cut off anywhere.
    first = transport(audio) + filler + bytes([0x47, 0x01, 0]).ljust(_PACKET, b"\0")[:cut]
    assert all_alike("mpegts", first + transport(audio), lengths)
    assert not all_alike("mpegts", first + transport(picture) + filler, lengths)


@pytest.mark.parametrize("container", ["ogg", "flac", "mpegts", "matroska,webm", "mov,mp4"])
def test_anything_goes_where_nothing_is_told(container: str) -> None:
    assert all_alike(container, bytes(range(256)) * 4_000, [])
