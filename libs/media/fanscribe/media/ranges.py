"""What those need who look at places of a recording."""

from collections.abc import AsyncGenerator
from typing import Protocol

from fanscribe.media.source import Source


class Counting(Protocol):
    """Whoever counts what is fetched; `reader.Reader`."""

    @property
    def bytes_fetched(self) -> int:
        """Bytes fetched from the media host so far."""


class RangeReader(Protocol):
    """Bytes of one source; `reader.Reader`."""

    @property
    def source(self) -> Source:
        """What is read."""

    def read(self, start: int, end: int) -> AsyncGenerator[bytes, None]:
        """Yield bytes [start, end) of the source in pieces of any length."""

    async def read_all(self, start: int, end: int) -> bytes:
        """Return bytes [start, end) of the source, as far as there are any."""
