"""Bytes of recordings that are kept, so that indexes are fetched once for each process."""

from collections import OrderedDict
from typing import Final

from fanscribe.media.limits import KIB, MediaLimits
from fanscribe.media.source import Source

PAGE_BYTES: Final = 8 * KIB


class PageCache:
    """Pages of sources, shared by all readings of a process; the least used go first."""

    def __init__(self, limits: MediaLimits) -> None:
        self._capacity_bytes = limits.cache_bytes
        self._edge_bytes = limits.cache_edge_bytes
        self._size_bytes = 0
        self._pages: OrderedDict[tuple[Source, int], bytes] = OrderedDict()

    def keeps(self, source: Source, position: int) -> bool:
        """Whether the byte at `position` lies where containers keep their indexes."""
        edge = min(position, source.size_bytes - position)
        return source.is_pinned and self._capacity_bytes > 0 and edge < self._edge_bytes

    def has(self, source: Source, page: int) -> bool:
        """Whether page number `page` is kept."""
        return (source, page) in self._pages

    def get(self, source: Source, page: int) -> bytes | None:
        """Return page number `page`, if it is kept."""
        data = self._pages.get((source, page))
        if data is not None:
            self._pages.move_to_end((source, page))
        return data

    def put_head(self, source: Source, head: bytes) -> None:
        """Keep the first page of a source, if it is to be kept."""
        if self.keeps(source, 0) and len(head) == min(PAGE_BYTES, source.size_bytes):
            self.put(source, 0, head)

    def put(self, source: Source, page: int, data: bytes) -> None:
        """Keep a page."""
        if (source, page) in self._pages:
            return
        self._pages[source, page] = data
        self._size_bytes += len(data)
        while self._size_bytes > self._capacity_bytes:
            _, dropped = self._pages.popitem(last=False)
            self._size_bytes -= len(dropped)
