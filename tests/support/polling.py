"""Waiting for things to become true, with a deadline."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable

_POLL_S = 0.02


async def eventually(
    condition: Callable[[], bool | Awaitable[bool]], what: str, deadline_s: float = 20
) -> None:
    """Return as soon as `condition` holds; fail with `what` if it does not in time."""
    try:
        async with asyncio.timeout(deadline_s):
            # Polled: other processes set no event of ours.
            while not await _holds(condition):  # noqa: ASYNC110
                await asyncio.sleep(_POLL_S)
    except TimeoutError:
        raise AssertionError(f"not within {deadline_s:g} s: {what}") from None


async def _holds(condition: Callable[[], bool | Awaitable[bool]]) -> bool:
    answer = condition()
    return await answer if inspect.isawaitable(answer) else answer
