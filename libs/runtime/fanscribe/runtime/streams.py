"""A response stream made by a task of its own."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")
Emit = Callable[[T], Awaitable[None]]


async def stream_of(
    produce: Callable[[Emit[T]], Awaitable[None]], limit: int
) -> AsyncGenerator[T, None]:
    """Yield what `produce` emits, holding at most `limit` items; raise what it raises.

    A generator must not yield inside a task group (a failing child would cancel the task that
    iterates, wherever that is then), so `produce` runs in its own task. Closing the generator
    cancels that task and waits for it.
    """
    room = asyncio.Semaphore(limit)
    items: asyncio.Queue[T | None] = asyncio.Queue()

    async def emit(item: T) -> None:
        await room.acquire()
        items.put_nowait(item)

    async def run() -> None:
        try:
            await produce(emit)
        finally:
            items.put_nowait(None)

    task = asyncio.create_task(run())
    try:
        while (item := await items.get()) is not None:
            room.release()
            yield item
        await task
    finally:
        task.cancel()
        await asyncio.wait([task])
