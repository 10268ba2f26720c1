"""How fast a media host sends, while somebody waits for it."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from fanscribe.media.limits import MediaLimits
from fanscribe.media.pace import Pace
from fanscribe.runtime.errors import FanscribeError, Reason


async def pieces(count: int, length: int, wait_s: float) -> AsyncIterator[bytes]:
    for _ in range(count):
        await asyncio.sleep(wait_s)  # the host takes its time
        yield bytes(length)


async def received(pace: Pace, source: AsyncIterator[bytes]) -> int:
    return sum([len(piece) async for piece in pace.watched(source)])


async def test_a_host_that_drips_is_too_slow() -> None:
    pace = Pace(MediaLimits(least_bytes_per_s=10_000, pace_window_s=0.05))
    with pytest.raises(FanscribeError) as refused:
        await received(pace, pieces(1_000, 10, 0.002))
    assert refused.value.reason is Reason.MEDIA_HOST_UNAVAILABLE
    assert "9.8 KiB/s are needed" in refused.value.message


async def test_what_was_fast_once_may_become_too_slow() -> None:
    pace = Pace(MediaLimits(least_bytes_per_s=10_000, pace_window_s=0.05))
    assert await received(pace, pieces(50, 100_000, 0.002)) == 5_000_000
    with pytest.raises(FanscribeError):
        await received(pace, pieces(1_000, 10, 0.002))


async def test_less_than_a_window_is_not_judged() -> None:
    pace = Pace(MediaLimits(least_bytes_per_s=1 << 40, pace_window_s=60))
    assert await received(pace, pieces(20, 1, 0.001)) == 20


async def test_any_pace_may_be_allowed() -> None:
    pace = Pace(MediaLimits(least_bytes_per_s=0, pace_window_s=0.001))
    assert await received(pace, pieces(20, 0, 0.001)) == 0
