"""How far a recording goes, told while that is being found out."""

import asyncio
from collections.abc import AsyncGenerator

import pytest

from fanscribe.media.extent import Extent, scanned
from fanscribe.runtime.errors import FanscribeError, Reason


class Reader:
    """Counts, as `extent` sees one."""

    bytes_fetched = 17


class Scan:
    """A scan that goes on when it is told to."""

    def __init__(self) -> None:
        self.steps: asyncio.Queue[int | None] = asyncio.Queue()

    async def progress(self) -> AsyncGenerator[int, None]:
        while (sample := await self.steps.get()) is not None:
            if sample < 0:
                raise FanscribeError(Reason.MEDIA_CHANGED, "changed")
            yield sample


async def test_a_known_end_costs_nothing() -> None:
    extent = Extent(100)
    assert await extent.reaches(100)
    assert not await extent.reaches(101)
    assert await extent.end() == 100
    assert extent.bytes_fetched == 0


async def test_a_sample_is_reached_as_soon_as_it_is_passed_and_missed_at_the_end() -> None:
    scan = Scan()
    async with scanned(Reader(), scan.progress(), 10.0) as extent:
        near = asyncio.create_task(extent.reaches(50))
        far = asyncio.create_task(extent.reaches(51))
        end = asyncio.create_task(extent.end())
        scan.steps.put_nowait(30)
        scan.steps.put_nowait(50)
        assert await near
        assert not far.done()
        scan.steps.put_nowait(None)
        assert not await far
        assert await end == 50
        assert await extent.reaches(20)
        assert extent.bytes_fetched == 17


async def test_what_befalls_the_scan_is_told_to_those_who_have_to_know() -> None:
    scan = Scan()
    async with scanned(Reader(), scan.progress(), 10.0) as extent:
        scan.steps.put_nowait(30)
        scan.steps.put_nowait(-1)
        for question in (extent.end(), extent.reaches(31)):
            with pytest.raises(FanscribeError) as raised:
                await question
            assert raised.value.reason is Reason.MEDIA_CHANGED
        assert await extent.reaches(30)


async def test_a_scan_has_a_deadline() -> None:
    async with scanned(Reader(), Scan().progress(), 0.01) as extent:
        with pytest.raises(FanscribeError) as raised:
            await extent.end()
        assert raised.value.reason is Reason.MEDIA_HOST_UNAVAILABLE
