"""A line in which things wait, those of one kind to leave it together."""

import heapq
from collections.abc import Callable, Hashable
from threading import Condition
from typing import Generic, TypeVar

T = TypeVar("T")


class Line(Generic[T]):
    """Things wait by number; whoever takes gets the first one and others of its kind.

    At most as many leave together as `most` says of the first, and not more than one of so many
    `parts` of all that wait: the last things are shared out so, and nobody is left with many of
    them while others have none.
    """

    def __init__(self, most: Callable[[T], int], *, parts: int) -> None:
        self._most = most
        self._parts = parts
        self._changed = Condition()
        # Heaps of (number, arrival, thing).
        self._kinds: dict[Hashable, list[tuple[int, int, T]]] = {}
        self._arrived = 0
        self._closed = False

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
            self._changed.wait_for(lambda: self._kinds or self._closed)
            return self._first() if self._kinds else []

    def close(self) -> None:
        """Let whoever takes go home once nothing is left."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _first(self) -> list[T]:
        kind = min(self._kinds, key=lambda kind: self._kinds[kind][0][:2])
        waiting = self._kinds[kind]
        part = -(-sum(map(len, self._kinds.values())) // self._parts)
        count = min(self._most(waiting[0][-1]), len(waiting), part)
        taken = [heapq.heappop(waiting)[-1] for _ in range(count)]
        if not waiting:
            del self._kinds[kind]
        return taken
