"""Reading a pinned source: blocks that grow, retries that continue where the last one broke."""

import asyncio
import logging
import random
from collections import OrderedDict
from collections.abc import AsyncGenerator
from contextlib import aclosing

from yarl import URL

from fanscribe.media.headers import NO_HEADERS, RequestHeaders
from fanscribe.media.http import (
    PassingError,
    RangeClient,
    Target,
    UnsatisfiableRangeError,
    changed,
)
from fanscribe.media.limits import KIB, MediaLimits
from fanscribe.media.source import Source
from fanscribe.runtime.errors import FanscribeError, Reason

_log = logging.getLogger(__name__)

PAGE_BYTES = 64 * KIB

# What a place answers to which redirects led, when the signature in its URL is too old.
_EXPIRED = frozenset({Reason.MEDIA_ACCESS_DENIED, Reason.MEDIA_NOT_FOUND})


class Attempts:
    """Counts failures in a row and waits between them."""

    def __init__(self, limits: MediaLimits) -> None:
        self._limits = limits
        self._failures = 0

    def progressed(self) -> None:
        """Forget the failures so far: bytes arrived."""
        self._failures = 0

    async def failed(self, failure: PassingError) -> None:
        """Wait before the next attempt; raise MEDIA_HOST_UNAVAILABLE if there is none."""
        self._failures += 1
        _log.info("media host %s", failure.what, extra={"fields": {"failures": self._failures}})
        if self._failures >= self._limits.attempts:
            raise FanscribeError(
                Reason.MEDIA_HOST_UNAVAILABLE,
                f"the media host {failure.what} ({self._failures} attempts); try again later",
            )
        wait_s = self._limits.backoff_s * 2.0 ** (self._failures - 1) * random.uniform(0.75, 1.25)  # noqa: S311
        await asyncio.sleep(
            max(
                min(wait_s, self._limits.backoff_max_s),
                min(failure.retry_after_s, self._limits.retry_after_max_s),
            )
        )


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

    def get(self, source: Source, page: int) -> bytes | None:
        """Return page number `page`, if it is kept."""
        data = self._pages.get((source, page))
        if data is not None:
            self._pages.move_to_end((source, page))
        return data

    def put(self, source: Source, page: int, data: bytes) -> None:
        """Keep a page."""
        if (source, page) in self._pages:
            return
        self._pages[source, page] = data
        self._size_bytes += len(data)
        while self._size_bytes > self._capacity_bytes:
            _, dropped = self._pages.popitem(last=False)
            self._size_bytes -= len(dropped)


class Reader:
    """Reads a source for one purpose, within that purpose's budget of bytes.

    Every answer is held against the source's pin: bytes of another version are never mixed in.
    """

    def __init__(
        self, client: RangeClient, source: Source, url: URL, limits: MediaLimits, cache: PageCache
    ) -> None:
        self.source = source
        self.bytes_fetched = 0
        # Where what is wanted probably ends; from there on, little is read ahead.
        self.aim_byte: int | None = None
        self._client = client
        self._target = Target(url, source.headers, source)
        self._location: URL | None = None  # where redirects led to last time
        self._requests = 0
        self._limits = limits
        self._cache = cache

    async def read(self, start: int, end: int) -> AsyncGenerator[bytes, None]:
        """Yield bytes [start, end) of the source in pieces of any length.

        Reads ahead by no more than one block, which grows with what was read in sequence. Close
        the generator (`aclosing`) to stop fetching. Raises FanscribeError.
        """
        position = start
        while position < end:
            page, offset = divmod(position, PAGE_BYTES)
            data = self._cache.get(self.source, page)
            if data is not None:
                piece = data[offset : offset + end - position]
                position += len(piece)
                yield piece
                continue
            block_end = min(end, position + self._block_bytes(start, position))
            async with aclosing(self._read_block(position, block_end)) as pieces:
                async for piece in pieces:
                    position += len(piece)
                    yield piece

    async def read_all(self, start: int, end: int) -> bytes:
        """Return bytes [start, end) of the source, as far as there are any."""
        return b"".join(
            [piece async for piece in self.read(start, min(end, self.source.size_bytes))]
        )

    def _block_bytes(self, start: int, position: int) -> int:
        aim = self.aim_byte
        if aim is not None and start < aim <= position:
            start = aim  # whatever was read before was sure to be needed
        wanted = round((position - start) * self._limits.block_growth)
        if aim is not None and position < aim:
            wanted = min(wanted, aim - position)
        return min(max(wanted, self._limits.block_min_bytes), self._limits.block_max_bytes)

    async def _read_block(self, start: int, end: int) -> AsyncGenerator[bytes, None]:
        """Yield bytes [start, end); at the edges of the source, keep their pages."""
        if not self._cache.keeps(self.source, start):
            async with aclosing(self._fetch(start, end)) as pieces:
                async for piece in pieces:
                    yield piece
            return
        first_page = start // PAGE_BYTES
        whole_end = min(-(-end // PAGE_BYTES) * PAGE_BYTES, self.source.size_bytes)
        page, kept = first_page, bytearray()
        position = first_page * PAGE_BYTES
        async with aclosing(self._fetch(position, whole_end)) as pieces:
            async for piece in pieces:
                wanted = piece[max(0, start - position) : max(0, end - position)]
                position += len(piece)
                kept += piece
                while len(kept) >= PAGE_BYTES or (kept and position == self.source.size_bytes):
                    self._cache.put(self.source, page, bytes(kept[:PAGE_BYTES]))
                    del kept[:PAGE_BYTES]
                    page += 1
                if wanted:
                    yield wanted

    async def _fetch(self, start: int, end: int) -> AsyncGenerator[bytes, None]:
        """Yield bytes [start, end) from the network, over as many attempts as that takes."""
        attempts = Attempts(self._limits)
        position = start
        while position < end:
            self._count_request()
            try:
                async with self._client.get(self._target, position, end, self._location) as answer:
                    self._location = answer.location
                    async for piece in answer.body.iter_any():
                        piece = piece[: answer.content.end - position]  # noqa: PLW2901
                        position += len(piece)
                        self._count(len(piece))
                        attempts.progressed()
                        yield piece
                    if position < answer.content.end:
                        raise PassingError("ends its answers early")
            except PassingError as failure:
                self._location = None
                await attempts.failed(failure)
            except FanscribeError as error:
                if self._location in (None, self._target.url) or error.reason not in _EXPIRED:
                    raise
                self._location = None
            except UnsatisfiableRangeError as error:
                raise changed() from error

    def _count_request(self) -> None:
        self._requests += 1
        if self._requests > self._limits.requests(self.source.size_bytes):
            raise FanscribeError(
                Reason.MEDIA_UNREADABLE,
                "the recording can only be read by too many requests; offer it at another host",
            )

    def _count(self, length: int) -> None:
        self.bytes_fetched += length
        if self.bytes_fetched > self._limits.fetched_bytes(self.source.size_bytes):
            raise FanscribeError(
                Reason.MEDIA_UNREADABLE,
                "the recording can only be read by fetching it over and over; convert it to a"
                " format with an index, such as m4a",
            )


def too_slow() -> FanscribeError:
    """Say that a deadline has passed while waiting for the media host."""
    return FanscribeError(
        Reason.MEDIA_HOST_UNAVAILABLE, "the media host is too slow to read the recording from"
    )


async def pin(
    client: RangeClient, url: URL, limits: MediaLimits, headers: RequestHeaders = NO_HEADERS
) -> Source:
    """Find out what is at `url`: its size and validator. Raises FanscribeError."""
    attempts = Attempts(limits)
    while True:
        try:
            async with client.get(Target(url, headers), 0, 1) as answer:
                await answer.body.readexactly(1)
                return Source(
                    str(url), answer.size_bytes, answer.etag, answer.last_modified, headers
                )
        except asyncio.IncompleteReadError:
            await attempts.failed(PassingError("ends its answers early"))
        except PassingError as failure:
            await attempts.failed(failure)
        except UnsatisfiableRangeError as error:
            raise FanscribeError(
                Reason.MEDIA_UNREADABLE, "the recording is empty: the host has no byte of it"
            ) from error
