"""Ranged reading: whatever the network does, the bytes are the same or there is an error."""

import random
from contextlib import aclosing
from dataclasses import replace

import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st
from yarl import URL

from fanscribe.media.http import RangeClient
from fanscribe.media.limits import KIB, MediaLimits
from fanscribe.media.pages import PAGE_BYTES, PageCache
from fanscribe.media.reader import Reader, pin
from fanscribe.runtime.errors import FanscribeError, Reason
from tests.support.policies import LOOPBACK
from tests.support.range_server import Fault, RangeServer

CONTENT = random.Random(1).randbytes(300 * KIB + 7)
PATIENT = MediaLimits(attempts=12, backoff_s=0.0, block_min_bytes=20_000)

FAULTS = st.one_of(
    st.builds(Fault, reset_after_bytes=st.integers(0, 100_000), times=st.just(1)),
    st.builds(Fault, end_after_bytes=st.integers(0, 100_000), times=st.just(1)),
    st.builds(Fault, status=st.sampled_from([408, 429, 500, 502, 503, 504]), times=st.just(1)),
)


async def read(reader: Reader, start: int, end: int) -> bytes:
    return b"".join([piece async for piece in reader.read(start, end)])


@given(
    faults=st.lists(FAULTS, max_size=8),
    ends=st.tuples(st.integers(0, len(CONTENT)), st.integers(0, len(CONTENT))),
    cache_bytes=st.sampled_from([0, 2 * PAGE_BYTES, 64 * PAGE_BYTES]),
    edge_bytes=st.sampled_from([PAGE_BYTES, 64 * PAGE_BYTES]),
)
@settings(max_examples=60, deadline=None)
async def test_any_pattern_of_broken_answers_gives_the_same_bytes(
    faults: list[Fault], ends: tuple[int, int], cache_bytes: int, edge_bytes: int
) -> None:
    limits = MediaLimits(
        attempts=PATIENT.attempts,
        backoff_s=0.0,
        block_min_bytes=PATIENT.block_min_bytes,
        cache_bytes=cache_bytes,
        cache_edge_bytes=edge_bytes,
    )
    start, end = sorted(ends)
    async with RangeServer() as server, RangeClient(LOOPBACK, limits) as client:
        url = URL(server.add("a", CONTENT))
        cache = PageCache(limits)
        source = await pin(client, url, limits, cache)
        server.document("a").faults = faults
        for _ in range(2):  # the second time, some of it comes from the cache
            reader = Reader(client, source, url, limits, cache)
            assert await read(reader, start, end) == CONTENT[start:end]


async def test_the_edges_of_a_source_are_fetched_once() -> None:
    async with RangeServer() as server, RangeClient(LOOPBACK, PATIENT) as client:
        url = URL(server.add("a", CONTENT))
        cache = PageCache(PATIENT)
        source = await pin(client, url, PATIENT, cache)
        readers = [Reader(client, source, url, PATIENT, cache) for _ in range(2)]
        for reader in readers:
            assert await read(reader, 100, len(CONTENT)) == CONTENT[100:]
        # The first page came with the pin.
        assert [reader.bytes_fetched for reader in readers] == [len(CONTENT) - PAGE_BYTES, 0]


async def test_without_a_validator_nothing_is_kept() -> None:
    async with RangeServer() as server, RangeClient(LOOPBACK, PATIENT) as client:
        url = URL(server.add("a", CONTENT, etag=None, last_modified=None))
        cache = PageCache(PATIENT)
        source = await pin(client, url, PATIENT, cache)
        for _ in range(2):
            reader = Reader(client, source, url, PATIENT, cache)
            assert await read(reader, 0, 1000) == CONTENT[:1000]
            assert reader.bytes_fetched > 0


async def test_stopping_early_stops_fetching_within_a_block() -> None:
    limits = MediaLimits(cache_bytes=0)
    async with RangeServer() as server, RangeClient(LOOPBACK, limits) as client:
        url = URL(server.add("a", bytes(8_000_000)))
        cache = PageCache(limits)
        reader = Reader(client, await pin(client, url, limits, cache), url, limits, cache)
        async with aclosing(reader.read(0, 8_000_000)) as pieces:
            await anext(pieces)
        assert server.document("a").bytes_sent <= PAGE_BYTES + limits.block_min_bytes


async def test_a_reading_cannot_fetch_more_than_its_budget() -> None:
    limits = MediaLimits(cache_bytes=0, fetched_bytes_floor=0, fetched_bytes_per_byte=2.5)
    async with RangeServer() as server, RangeClient(LOOPBACK, limits) as client:
        url = URL(server.add("a", CONTENT))
        cache = PageCache(limits)
        reader = Reader(client, await pin(client, url, limits, cache), url, limits, cache)
        await read(reader, 0, len(CONTENT))
        await read(reader, 0, len(CONTENT))
        with pytest.raises(FanscribeError) as refused:
            await read(reader, 0, len(CONTENT))
        assert refused.value.reason is Reason.MEDIA_UNREADABLE


@pytest.mark.parametrize(
    ("etag", "last_modified", "length"),
    [("", "", 0), ("", None, 0), (None, "", 0), (None, None, -1), (None, None, 1)],
)
async def test_a_changed_source_is_never_mixed_in(
    etag: str | None, last_modified: str | None, length: int
) -> None:
    async with RangeServer() as server, RangeClient(LOOPBACK, PATIENT) as client:
        url = URL(server.add("a", CONTENT, etag=etag, last_modified=last_modified))
        cache = PageCache(PATIENT)
        source = await pin(client, url, PATIENT, cache)
        server.replace("a", bytes(len(CONTENT) + length))
        reader = Reader(client, source, url, PATIENT, cache)
        with pytest.raises(FanscribeError) as refused:
            await read(reader, 0, PAGE_BYTES + 1)
        assert refused.value.reason is Reason.MEDIA_CHANGED


async def test_where_redirects_led_is_asked_for_anew_when_that_place_expires() -> None:
    tickets = {"1"}

    def ticket(request: web.Request) -> int | None:
        return None if request.query.get("ticket", "none") in {"none", *tickets} else 403

    async with RangeServer(guard=ticket) as server, RangeClient(LOOPBACK, PATIENT) as client:
        server.add("a", CONTENT)
        url = URL(server.add("moved", b"", faults=[Fault(redirect="/a?ticket=1")]))
        cache = PageCache(replace(PATIENT, cache_bytes=0))
        source = await pin(client, url, PATIENT, cache)
        reader = Reader(client, source, url, PATIENT, cache)
        assert await read(reader, 0, 30_000) == CONTENT[:30_000]
        tickets.clear()
        with pytest.raises(FanscribeError) as refused:
            await read(reader, 30_000, 60_000)
        assert refused.value.reason is Reason.MEDIA_ACCESS_DENIED
        tickets.add("2")
        server.document("moved").faults = [Fault(redirect="/a?ticket=2")]
        assert await read(reader, 30_000, 60_000) == CONTENT[30_000:60_000]


async def test_a_reading_cannot_send_more_requests_than_its_budget() -> None:
    limits = MediaLimits(cache_bytes=0, requests_floor=10, bytes_per_request=len(CONTENT) + 1)
    async with RangeServer() as server, RangeClient(LOOPBACK, limits) as client:
        url = URL(server.add("a", CONTENT))
        cache = PageCache(limits)
        reader = Reader(client, await pin(client, url, limits, cache), url, limits, cache)
        for start in range(10):
            await read(reader, start, start + 1)
        with pytest.raises(FanscribeError) as refused:
            await read(reader, 10, 11)
        assert refused.value.reason is Reason.MEDIA_UNREADABLE
        assert server.document("a").requests == 1 + 10
