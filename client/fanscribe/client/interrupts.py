"""Signals of the command: the first one cancels, a second one ends at once."""

import asyncio
import os
import signal
import sys
from collections.abc import Coroutine
from typing import Any

from fanscribe.client.exits import Exit

_EXITS = {signal.SIGINT: Exit.CANCELLED, signal.SIGTERM: Exit.TERMINATED}
_SHOW_CURSOR = "\x1b[?25h"


def run_until_interrupted(main: Coroutine[Any, Any, None]) -> Exit:
    """Run `main`; SIGINT or SIGTERM cancels it, and the exit code tells which.

    A second signal ends the process there and then; the kernel tells its children to end.
    """
    return asyncio.run(_interruptible(main))


async def _interruptible(main: Coroutine[Any, Any, None]) -> Exit:
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(main)
    received: list[Exit] = []

    def interrupt(signal_number: signal.Signals) -> None:
        if received:
            if sys.stderr.isatty():
                sys.stderr.write(_SHOW_CURSOR)
                sys.stderr.flush()
            os._exit(_EXITS[signal_number])
        received.append(_EXITS[signal_number])
        task.cancel()

    for signal_number in _EXITS:
        loop.add_signal_handler(signal_number, interrupt, signal_number)
    try:
        await task
    except asyncio.CancelledError:
        if not received:
            raise
        return received[0]
    return Exit.DONE
