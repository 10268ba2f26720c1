"""How an mp4 tells what its audio is encoded like."""

from typing import Final

from fanscribe.media.fragments import Box, boxes, find

MOVIE: Final = b"moov"
_SAMPLE_ENTRY: Final = (b"mdia", b"minf", b"stbl", b"stsd")
_TABLE_HEAD_BYTES: Final = 8
_ENTRY_BYTES: Final = 36  # of a sound, before its boxes
# Descriptors in an esds, one within the other.
_STREAM, _DECODER, _OWN_HEADER = 3, 4, 5


def audio_entry(data: bytes, stream_index: int) -> object | None:
    """Return what tells how to decode a stream, from the name of a moov box at data[0] on.

    None if it is none, or not all of it is there.
    """
    try:
        trak = find(data, Box(MOVIE, len(MOVIE), len(data)), b"trak")[stream_index]
        table = find(data, trak, *_SAMPLE_ENTRY)[0]
        entry = next(boxes(data, table.start + _TABLE_HEAD_BYTES, len(data)))
        if trak.end > len(data):
            return None
        fixed = data[entry.start : table.start + _TABLE_HEAD_BYTES + _ENTRY_BYTES]
        inner = [
            _without_rates(data[box.start : box.end])
            if box.kind == b"esds"
            else data[box.start : box.end]
            for box in boxes(data, table.start + _TABLE_HEAD_BYTES + _ENTRY_BYTES, entry.end)
            if box.kind != b"btrt"
        ]
    except (ValueError, IndexError, StopIteration):
        return None
    return entry.kind, fixed, *inner


def _without_rates(esds: bytes) -> bytes:
    """Return kind and header of a codec as an esds tells them; bit rates change nothing."""
    at, kind = 4, b""
    while at < len(esds):
        tag, length = esds[at], 0
        more = True
        while more:
            at += 1
            more, length = bool(esds[at] & 0x80), length << 7 | esds[at] & 0x7F
        at += 1
        if tag == _OWN_HEADER:
            return kind + esds[at : at + length]
        if tag == _DECODER:
            kind = esds[at : at + 1]
        at += {_STREAM: 3, _DECODER: 13}.get(tag, length)
    return kind
