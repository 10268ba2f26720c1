"""Reading a pinned source: blocks that grow, retries that continue where the last one broke."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass

from yarl import URL

from fanscribe.media.ahead import Ahead
from fanscribe.media.attempts import Attempts
from fanscribe.media.headers import NO_HEADERS, RequestHeaders
from fanscribe.media.http import (
    PassingError,
    RangeClient,
    Target,
    UnsatisfiableRangeError,
    changed,
)
from fanscribe.media.limits import MediaLimits
from fanscribe.media.pace import Pace
from fanscribe.media.pages import PAGE_BYTES, PageCache
from fanscribe.media.source import Source
from fanscribe.runtime.errors import FanscribeError, Reason

# What a place answers to which redirects led, when the signature in its URL is too old.
_EXPIRED = frozenset({Reason.MEDIA_ACCESS_DENIED, Reason.MEDIA_NOT_FOUND})


@dataclass(frozen=True)
class Aim:
    """Where what is wanted probably ends; from there on, little is read ahead."""

    absolute_byte: int  # as if the whole recording had one bit rate
    length_bytes: int  # at that bit rate

    def byte(self, start: int) -> int:
        """Where reading from `start` probably ends: the nearer place, of two guesses."""
        return min(self.absolute_byte, start + self.length_bytes)

    def sure_byte(self, start: int) -> int:
        """Where reading from `start` ends at the earliest."""
        aim_byte = self.byte(start)
        return aim_byte - (aim_byte - start) // 8


class Reader:
    """Reads a source for one purpose, within that purpose's budget of bytes.

    Every answer is held against the source's pin: bytes of another version are never mixed in.
    """

    def __init__(
        self, client: RangeClient, source: Source, url: URL, limits: MediaLimits, cache: PageCache
    ) -> None:
        self.source = source
        self.bytes_fetched = 0
        self.aim: Aim | None = None
        self._client = client
        self._target = Target(url, source.headers, source)
        self._location: URL | None = None  # where redirects led to last time
        self._requests = 0
        self._limits = limits
        self._cache = cache
        self._pace = Pace(limits)

    async def read(self, start: int, end: int) -> AsyncGenerator[bytes, None]:
        """Yield bytes [start, end) of the source in pieces of any length.

        Fetches no more than the block that is being read and, where it is sure to be needed, the
        next one; blocks grow with what was read in sequence. Close the generator (`aclosing`) to
        stop fetching. Raises FanscribeError.
        """
        async with AsyncExitStack() as stack:
            position = start
            pieces, block_end = self._block(start, position, end)
            while position < end:
                following: AsyncGenerator[bytes, None] | None = None
                async with aclosing(pieces):
                    async for piece in pieces:
                        position += len(piece)
                        if following is None and block_end < end:
                            block, following_end = self._block(start, block_end, end)
                            if self._is_needed(start, following_end):
                                ahead = Ahead(block)
                                stack.push_async_callback(ahead.aclose)
                                following = ahead.pieces()
                        yield piece
                if following is not None:
                    pieces, block_end = following, following_end
                elif position < end:
                    # Only now: meanwhile, more may be kept.
                    pieces, block_end = self._block(start, position, end)

    def _block(
        self, start: int, position: int, end: int
    ) -> tuple[AsyncGenerator[bytes, None], int]:
        """Return the pieces from `position` to the end of its block, and that end."""
        page, offset = divmod(position, PAGE_BYTES)
        data = self._cache.get(self.source, page)
        if data is not None:
            data = data[offset : offset + end - position]
            return _given(data), position + len(data)
        block_end = position + self._block_bytes(start, position)
        if self._cache.keeps(self.source, position):
            block_end = -(-block_end // PAGE_BYTES) * PAGE_BYTES  # pages are kept as a whole
        block_end = min(end, block_end)
        following = range(page + 1, -(-block_end // PAGE_BYTES))
        kept = next((page for page in following if self._cache.has(self.source, page)), None)
        if kept is not None:
            block_end = kept * PAGE_BYTES
        return self._read_block(position, block_end), block_end

    def _is_needed(self, start: int, block_end: int) -> bool:
        """Whether a block up to there may be fetched before it is asked for."""
        if block_end - start < self._limits.ahead_from_bytes:
            return False
        return self.aim is None or block_end <= self.aim.sure_byte(start)

    async def read_all(self, start: int, end: int) -> bytes:
        """Return bytes [start, end) of the source, as far as there are any."""
        return b"".join(
            [piece async for piece in self.read(start, min(end, self.source.size_bytes))]
        )

    def _block_bytes(self, start: int, position: int) -> int:
        read = position - start
        wanted = max(round(read * self._limits.block_growth), self._limits.block_min_bytes)
        if self.aim is not None and start < (aim_byte := self.aim.byte(start)):
            if position >= aim_byte:  # a little more, then more and more
                wanted = position - aim_byte
            elif start > 0 and read >= 2 * self._limits.block_min_bytes:
                # Whoever reads on, not from the very beginning, does not only look around.
                wanted = max(min(wanted, aim_byte - position), self.aim.sure_byte(start) - position)
            else:
                wanted = min(wanted, aim_byte - position)
        least = min(PAGE_BYTES, self._limits.block_min_bytes)
        return min(max(wanted, least), self._limits.block_max_bytes)

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
                async with (
                    self._client.get(self._target, position, end, self._location) as answer,
                    aclosing(self._pace.watched(answer.body.iter_any())) as pieces,
                ):
                    self._location = answer.location
                    async for piece in pieces:
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


async def _given(data: bytes) -> AsyncGenerator[bytes, None]:
    yield data


def too_slow() -> FanscribeError:
    """Say that a deadline has passed while waiting for the media host."""
    return FanscribeError(
        Reason.MEDIA_HOST_UNAVAILABLE, "the media host is too slow to read the recording from"
    )


async def pin(
    client: RangeClient,
    url: URL,
    limits: MediaLimits,
    cache: PageCache,
    headers: RequestHeaders = NO_HEADERS,
) -> Source:
    """Find out what is at `url`: its size and validator. Raises FanscribeError.

    The first page comes with it and is kept: everybody begins there.
    """
    attempts = Attempts(limits)
    while True:
        try:
            async with client.get(Target(url, headers), 0, PAGE_BYTES) as answer:
                head = await answer.body.readexactly(answer.content.end)
                source = Source(
                    str(url), answer.size_bytes, answer.etag, answer.last_modified, headers
                )
                cache.put_head(source, head)
                return source
        except asyncio.IncompleteReadError:
            await attempts.failed(PassingError("ends its answers early"))
        except PassingError as failure:
            await attempts.failed(failure)
        except UnsatisfiableRangeError as error:
            raise FanscribeError(
                Reason.MEDIA_UNREADABLE, "the recording is empty: the host has no byte of it"
            ) from error
