"""A recording's bytes on a web server, pinned."""

import re
from dataclasses import dataclass

_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)")


@dataclass(frozen=True)
class Source:
    """A recording's bytes, pinned: every later read must find the same ones."""

    url: str  # as the caller gave it
    size_bytes: int
    etag: str = ""  # strong ones only, quotes included
    last_modified: str = ""  # as the server wrote it

    @property
    def is_pinned(self) -> bool:
        """Whether a change would show: only then may anything read from it be kept."""
        return bool(self.etag or self.last_modified)

    def precondition(self) -> dict[str, str]:
        """Request headers that make a server refuse when the recording has changed."""
        if self.etag:
            return {"If-Match": self.etag}
        if self.last_modified:
            return {"If-Unmodified-Since": self.last_modified}
        return {}


@dataclass(frozen=True)
class View:
    """The end of a recording's bytes, from a point where it can be decoded on its own."""

    start_byte: int
    start_us: int  # time stamp, in the whole recording, of the view's first frame
    end_us: int | None  # time stamp at which the recording's audio ends, if it is known


@dataclass(frozen=True)
class ContentRange:
    """What a 206 answer holds: bytes [start, end) of `size_bytes` (None: not told)."""

    start: int
    end: int
    size_bytes: int | None


def parse_content_range(header: str) -> ContentRange | None:
    """Parse a Content-Range header; None if it makes no sense."""
    match = _CONTENT_RANGE.fullmatch(header.strip())
    if match is None:
        return None
    start, last = int(match[1]), int(match[2])
    size_bytes = None if match[3] == "*" else int(match[3])
    if last < start or (size_bytes is not None and last >= size_bytes):
        return None
    return ContentRange(start, last + 1, size_bytes)


def strong_etag(header: str) -> str:
    """Return the ETag if it is a strong one (byte for byte), otherwise ""."""
    return header if re.fullmatch(r'"[^"]*"', header) else ""
