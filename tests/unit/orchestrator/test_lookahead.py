"""Planning runs ahead of the work, but not through the whole recording."""

import asyncio

from fanscribe.orchestrator.lookahead import Lookahead


async def test_only_so_many_planned_chunks_wait() -> None:
    lookahead = Lookahead(3)
    planned = 0

    async def plan() -> None:
        nonlocal planned
        for index in range(10):
            lookahead.planned(index)
            planned += 1
            await lookahead.room()

    async with asyncio.timeout(10):
        planning = asyncio.create_task(plan())
        await settled()
        assert planned == 3
        for index in range(10):
            lookahead.dispatched(index)
            lookahead.dispatched(index)  # as often as attempts at it are made
            await settled()
            assert planned == min(10, index + 4)
        await planning


async def settled() -> None:
    """Let the other task go as far as it can."""
    for _ in range(5):
        await asyncio.sleep(0)
