"""The macro chunk slots of a splitter, shared by all orchestrators it serves."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from fanscribe.splitter.metrics import SplitterMetrics


class Slots:
    """Counts slots and tells those who watch whenever the count changes."""

    def __init__(self, total: int, metrics: SplitterMetrics) -> None:
        self.total = total
        self.draining = False
        self._used = 0
        self._metrics = metrics
        self._watchers: set[asyncio.Event] = set()
        self._changed()

    @property
    def free(self) -> int:
        """Slots that may be taken now."""
        return 0 if self.draining else self.total - self._used

    @property
    def idle(self) -> bool:
        """Whether no slot is taken."""
        return self._used == 0

    def take(self) -> bool:
        """Take a slot, to be given back; False if none is free."""
        if self.free == 0:
            return False
        self._used += 1
        self._changed()
        return True

    def give_back(self) -> None:
        """Give back a slot that was taken."""
        self._used -= 1
        self._changed()

    def drain(self) -> None:
        """Take nothing new from now on."""
        self.draining = True
        self._changed()

    @contextmanager
    def watched(self) -> Iterator[asyncio.Event]:
        """Yield an event that is set at once and at every change; whoever waits clears it."""
        event = asyncio.Event()
        event.set()
        self._watchers.add(event)
        try:
            yield event
        finally:
            self._watchers.discard(event)

    def _changed(self) -> None:
        self._metrics.slots.labels("used").set(self._used)
        self._metrics.slots.labels("free").set(self.free)
        for event in self._watchers:
            event.set()
