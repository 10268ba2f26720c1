"""Blocking iterators in a thread of their own."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncGenerator, Iterable
from typing import TypeVar

T = TypeVar("T")
U = TypeVar("U")


async def iterate_in_thread(blocking: Iterable[T]) -> AsyncGenerator[T, None]:
    """Yield what `blocking` yields and raise what it raises; only the latest item waits.

    Closing this does not wait for the thread, whose deadlines must end it; it does not keep the
    process from ending either, as a pool's threads would.
    """
    loop = asyncio.get_running_loop()
    news = asyncio.Event()
    latest: list[T] = []
    outcome: list[Exception | None] = []  # once it has ended: what it raised

    def tell(where: list[U], what: U) -> None:
        def heard() -> None:
            where[:] = [what]
            news.set()

        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody wants to know
            loop.call_soon_threadsafe(heard)

    def run() -> None:
        try:
            for item in blocking:
                tell(latest, item)
        except Exception as error:  # noqa: BLE001  raised where it is iterated
            tell(outcome, error)
        else:
            tell(outcome, None)

    threading.Thread(target=run, name="discovery", daemon=True).start()
    while latest or not outcome:
        await news.wait()
        news.clear()
        while latest:
            yield latest.pop()
    if outcome[0] is not None:
        raise outcome[0]
