"""Whether a process works, and whether it wants traffic: what probes ask."""

import asyncio
import threading
from typing import Final

# An event loop that has not got round to it by then is stuck.
_ANSWER_S: Final = 4.0


class Health:
    """The health of the process whose event loop runs now. May be asked by any thread."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.ready = False
        """Whether it wants traffic."""

    def alive(self) -> bool:
        """Ask the event loop for a sign of life; waits for it, so never call it from there."""
        answered = threading.Event()
        try:
            self._loop.call_soon_threadsafe(answered.set)
        except RuntimeError:  # closed
            return False
        return answered.wait(_ANSWER_S)
