"""Several readings of one recording at a time, over a network that does what it likes."""

import asyncio
import random
from contextlib import aclosing

from hypothesis import given, settings
from hypothesis import strategies as st
from yarl import URL

from fanscribe.media.http import RangeClient
from fanscribe.media.limits import KIB, MediaLimits
from fanscribe.media.pages import PAGE_BYTES, PageCache
from fanscribe.media.reader import Reader, pin
from tests.support.policies import LOOPBACK
from tests.support.range_server import Fault, RangeServer

CONTENT = random.Random(2).randbytes(5 * PAGE_BYTES + 11)

# Whatever a well-meaning host and a bad network do, one answer at a time.
MISHAPS = st.one_of(
    st.builds(Fault, answer_bytes=st.integers(1, 3 * PAGE_BYTES), times=st.integers(1, 3)),
    st.builds(Fault, reset_after_bytes=st.integers(0, 2 * PAGE_BYTES), times=st.just(1)),
    st.builds(Fault, end_after_bytes=st.integers(0, 2 * PAGE_BYTES), times=st.just(1)),
    st.builds(Fault, status=st.sampled_from([408, 425, 429, 500, 502, 503]), times=st.just(1)),
)
# Where a reading starts, where it ends, and after how many bytes whoever reads has had enough.
READINGS = st.lists(
    st.tuples(
        st.integers(0, len(CONTENT)),
        st.integers(0, len(CONTENT)),
        st.one_of(st.none(), st.integers(0, 2 * PAGE_BYTES)),
    ),
    min_size=1,
    max_size=4,
)


@given(
    mishaps=st.lists(MISHAPS, max_size=8),
    readings=READINGS,
    cache_pages=st.sampled_from([0, 1, 3, 64]),
    edge_pages=st.sampled_from([1, 2, 64]),
    block_min_bytes=st.sampled_from([1, 1000, 64 * KIB]),
    growth=st.sampled_from([0.0, 0.125, 4.0]),
)
@settings(max_examples=60, deadline=None)
async def test_readings_side_by_side_get_their_own_bytes(
    *,
    mishaps: list[Fault],
    readings: list[tuple[int, int, int | None]],
    cache_pages: int,
    edge_pages: int,
    block_min_bytes: int,
    growth: float,
) -> None:
    limits = MediaLimits(
        attempts=12,
        backoff_s=0.0,
        # A block of one byte makes a request for each: only where blocks soon grow.
        block_min_bytes=block_min_bytes if growth else max(block_min_bytes, 20 * KIB),
        block_growth=growth,
        cache_bytes=cache_pages * PAGE_BYTES,
        cache_edge_bytes=edge_pages * PAGE_BYTES,
    )
    async with RangeServer() as server, RangeClient(LOOPBACK, limits) as client:
        url = URL(server.add("a", CONTENT))
        cache = PageCache(limits)
        source = await pin(client, url, limits, cache)
        server.document("a").faults = mishaps

        async def read(start: int, end: int, enough: int | None) -> None:
            start, end = sorted((start, end))
            reader = Reader(client, source, url, limits, cache)
            got = b""
            async with aclosing(reader.read(start, end)) as pieces:
                async for piece in pieces:
                    got += piece
                    if enough is not None and len(got) >= enough:
                        break
            assert got == CONTENT[start : start + len(got)]
            assert len(got) == end - start or (enough is not None and len(got) >= enough)

        async with asyncio.timeout(60), asyncio.TaskGroup() as group:
            for reading in readings:
                group.create_task(read(*reading))
