"""A line in which things wait, those of one kind to leave it together."""

import heapq
from collections.abc import Hashable
from threading import Condition
from typing import Generic, TypeVar

T = TypeVar("T")


class Line(Generic[T]):
    """Things wait by number; whoever takes gets the first one and others of its kind.

    At most `most` leave together. If `shared`, those who wait for things at the same time each get
    their part of them: several cores are better used so, but not a single GPU.
    """

    def __init__(self, most: int, *, shared: bool) -> None:
        self._most = most
        self._shared = shared
        self._changed = Condition()
        # Heaps of (number, arrival, thing).
        self._kinds: dict[Hashable, list[tuple[int, int, T]]] = {}
        self._arrived = 0
        self._takers = 0
        self._closed = False

    @property
    def takers(self) -> int:
        """How many wait for things just now."""
        with self._changed:
            return self._takers

    def put(self, *arrivals: tuple[Hashable, int, T]) -> None:
        """Let things wait, each with its kind and number. What comes together is seen together."""
        with self._changed:
            for kind, number, thing in arrivals:
                waiting = self._kinds.setdefault(kind, [])
                heapq.heappush(waiting, (number, self._arrived, thing))
                self._arrived += 1
            self._changed.notify(len(arrivals))

    def take(self) -> list[T]:
        """Wait for things, and return the first ones; none once the line is closed and empty."""
        with self._changed:
            self._takers += 1
            self._changed.wait_for(lambda: self._kinds or self._closed)
            taken = self._first() if self._kinds else []
            self._takers -= 1
            return taken

    def close(self) -> None:
        """Let whoever takes go home once nothing is left."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _first(self) -> list[T]:
        kind = min(self._kinds, key=lambda kind: self._kinds[kind][0][:2])
        waiting = self._kinds[kind]
        parts = self._takers if self._shared else 1
        count = min(self._most, -(-len(waiting) // parts))
        taken = [heapq.heappop(waiting)[-1] for _ in range(count)]
        if not waiting:
            del self._kinds[kind]
        return taken
