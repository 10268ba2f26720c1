"""Reading ahead: the same bytes, one block early, and nothing left when reading stops."""

import asyncio
import random
from contextlib import aclosing
from dataclasses import replace

import pytest
from yarl import URL

from fanscribe.media.http import RangeClient
from fanscribe.media.limits import KIB, MediaLimits
from fanscribe.media.pages import PAGE_BYTES, PageCache
from fanscribe.media.reader import Aim, Reader, pin
from fanscribe.runtime.errors import FanscribeError, Reason
from tests.support.policies import LOOPBACK
from tests.support.polling import eventually
from tests.support.range_server import Fault, RangeServer

CONTENT = random.Random(3).randbytes(2_000 * KIB)
EAGER = MediaLimits(
    cache_bytes=0,
    block_min_bytes=64 * KIB,
    block_growth=0.0,
    ahead_from_bytes=0,
    attempts=3,
    backoff_s=0.0,
)


async def test_the_next_block_is_asked_for_while_one_is_read() -> None:
    async with RangeServer() as server, RangeClient(LOOPBACK, EAGER) as client:
        url = URL(server.add("a", CONTENT))
        cache = PageCache(EAGER)
        reader = Reader(client, await pin(client, url, EAGER, cache), url, EAGER, cache)
        document = server.document("a")
        async with aclosing(reader.read(0, len(CONTENT))) as pieces:
            await anext(pieces)
            await eventually(lambda: document.requests == 3, "two blocks are asked for")
            await eventually(lambda: server.open_requests == 0, "both are here")
        assert document.bytes_sent <= PAGE_BYTES + 2 * EAGER.block_min_bytes
        document.requests = 0
        data = b"".join([piece async for piece in reader.read(0, len(CONTENT))])
        assert data == CONTENT
        assert document.requests == -(-len(CONTENT) // EAGER.block_min_bytes)


async def test_what_befalls_the_block_ahead_is_told_when_it_is_reached() -> None:
    async with RangeServer() as server, RangeClient(LOOPBACK, EAGER) as client:
        url = URL(server.add("a", CONTENT))
        cache = PageCache(EAGER)
        reader = Reader(client, await pin(client, url, EAGER, cache), url, EAGER, cache)
        server.document("a").faults = [Fault(status=403, first_byte_from=64 * KIB)]
        read = bytearray()

        async def read_all() -> None:
            async for piece in reader.read(0, len(CONTENT)):
                read.extend(piece)

        with pytest.raises(FanscribeError) as refused:
            await read_all()
        assert refused.value.reason is Reason.MEDIA_ACCESS_DENIED
        assert bytes(read) == CONTENT[: 64 * KIB]


async def test_stopping_stops_the_block_ahead() -> None:
    async with RangeServer() as server, RangeClient(LOOPBACK, EAGER) as client:
        url = URL(server.add("a", CONTENT))
        cache = PageCache(EAGER)
        reader = Reader(client, await pin(client, url, EAGER, cache), url, EAGER, cache)
        server.document("a").faults = [Fault(stall_head=True, first_byte_from=64 * KIB)]
        tasks = len(asyncio.all_tasks())
        async with aclosing(reader.read(0, len(CONTENT))) as pieces:
            await anext(pieces)
            await eventually(lambda: server.open_requests == 1, "the next block is asked for")
        await eventually(lambda: server.open_requests == 0, "nobody waits for it any more")
        await eventually(lambda: len(asyncio.all_tasks()) <= tasks, "no task is left")


async def test_what_is_sure_to_be_needed_is_asked_for_at_once() -> None:
    limits = replace(EAGER, ahead_from_bytes=1 << 40, block_growth=0.125)
    async with RangeServer() as server, RangeClient(LOOPBACK, limits) as client:
        url = URL(server.add("a", CONTENT))
        cache = PageCache(limits)
        source = await pin(client, url, limits, cache)
        document = server.document("a")
        requests = []
        for aim in (None, Aim(len(CONTENT), len(CONTENT))):
            reader = Reader(client, source, url, limits, cache)
            reader.aim = aim
            document.requests = 0
            assert await reader.read_all(1, len(CONTENT)) == CONTENT[1:]
            requests.append(document.requests)
        assert requests[1] <= requests[0] / 2
