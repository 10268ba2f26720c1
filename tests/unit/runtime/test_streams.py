"""Response streams made by a task of their own."""

import asyncio
from contextlib import aclosing

import pytest

from fanscribe.runtime.streams import Emit, stream_of


async def test_yields_everything_in_order() -> None:
    async def produce(emit: Emit[int]) -> None:
        for number in range(5):
            await emit(number)

    assert [item async for item in stream_of(produce, limit=2)] == [0, 1, 2, 3, 4]


async def test_what_was_emitted_comes_before_the_error() -> None:
    async def produce(emit: Emit[int]) -> None:
        await emit(1)
        raise ValueError("broken")

    stream = stream_of(produce, limit=8)
    assert await anext(stream) == 1
    with pytest.raises(ValueError, match="broken"):
        await anext(stream)


async def test_produces_no_further_ahead_than_the_limit() -> None:
    produced = []

    async def produce(emit: Emit[int]) -> None:
        for number in range(100):
            await emit(number)
            produced.append(number)

    async with aclosing(stream_of(produce, limit=3)) as stream:
        await anext(stream)
        for _ in range(50):
            await asyncio.sleep(0)
        # One was taken, three may wait.
        assert len(produced) == 4


async def test_closing_cancels_the_producer_and_waits_for_it() -> None:
    ended = asyncio.Event()

    async def produce(emit: Emit[int]) -> None:
        try:
            await emit(1)
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with aclosing(stream_of(produce, limit=1)) as stream:
        assert await anext(stream) == 1
    assert ended.is_set()
