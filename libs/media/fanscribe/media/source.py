"""A recording's bytes on a web server, pinned."""

import re
from dataclasses import dataclass, field

from fanscribe.media.headers import NO_HEADERS, RequestHeaders

_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)")


@dataclass(frozen=True)
class Source:
    """A recording's bytes, pinned: every later read must find the same ones.

    Two callers' sources are the same only if their headers are too: what one of them may read is
    never handed to another from a cache.
    """

    url: str = field(repr=False)  # as the caller gave it; its query may hold a signature
    size_bytes: int
    etag: str = ""  # as the server wrote it: W/"…" is a weak one
    last_modified: str = ""  # as the server wrote it
    headers: RequestHeaders = NO_HEADERS  # for the URL's own origin

    @property
    def is_pinned(self) -> bool:
        """Whether a change would show: only then may anything read from it be kept."""
        return bool(strong_etag(self.etag) or self.last_modified)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the caller should know of the pin, in plain words."""
        if self.is_pinned:
            return ()
        return (
            "the media host gives the recording neither a strong ETag nor a Last-Modified: had it"
            " been replaced by one of the same length meanwhile, that may not have shown",
        )

    def precondition(self) -> dict[str, str]:
        """Request headers that make a server refuse when the recording has changed."""
        if strong_etag(self.etag):
            return {"If-Match": self.etag}
        if self.last_modified:
            return {"If-Unmodified-Since": self.last_modified}
        return {}

    def is_contradicted(self, size_bytes: int | None, etag: str, last_modified: str) -> bool:
        """Whether an answer that tells these is about other bytes; empty or None: not told."""
        if size_bytes is not None and size_bytes != self.size_bytes:
            return True
        if self.etag and etag:
            return _opaque(etag) != _opaque(self.etag)
        return bool(self.last_modified and last_modified and last_modified != self.last_modified)


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


def _opaque(etag: str) -> str:
    """The tag itself: the same file's may be weak at first and strong a second later."""
    return etag.removeprefix("W/")
