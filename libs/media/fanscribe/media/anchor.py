"""Where decoding of a span may begin."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Anchor:
    """A view of a recording that ffmpeg can decode from its start.

    The view is the recording's first `header_bytes` bytes and everything from `start_byte` on.
    Found once, by whoever plans, and sent along: nobody has to search again.
    """

    start_byte: int
    header_bytes: int = 0
    # Head of an element as long as what is left out, which a demuxer skips: all else keeps its
    # place. Empty: what is left out is not there, the view is shorter than the recording.
    filler: bytes = b""
    # Time stamps in the recording are those in the view and this.
    offset_us: int = 0
    # Time stamp, in the recording, at which its audio ends where padding follows; None: it goes on.
    end_us: int | None = None


@dataclass(frozen=True, order=True)
class Mark:
    """A place from which a recording can be decoded, and a time stamp near which it lies."""

    offset: int
    time_us: int


@dataclass(frozen=True)
class Piece:
    """A stretch [start, end) of a view: bytes of the recording from `source_byte` on, or `made`."""

    start: int
    end: int
    source_byte: int | None
    made: bytes = b""


def pieces_of(anchor: Anchor | None, size_bytes: int) -> list[Piece]:
    """Return what the view from `anchor` on a recording of `size_bytes` is made of."""
    if anchor is None:
        return [Piece(0, size_bytes, 0)]
    head = anchor.header_bytes
    tail_bytes = size_bytes - anchor.start_byte
    if not anchor.filler:
        return [Piece(0, head, 0), Piece(head, head + tail_bytes, anchor.start_byte)]
    filled = head + len(anchor.filler)
    return [
        Piece(0, head, 0),
        Piece(head, filled, None, anchor.filler),
        Piece(filled, size_bytes, filled),  # nobody asks for what the filler says to skip
    ]
