"""Triton replicas as queues that work in batches, and the connections that lead to them."""

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Final

from benchmarks.simulation.clock import Alarm, VirtualClock
from fanscribe.splitter.connection import LOOKS_APART_S, PATIENCE_S

# gRPC looks a name without addresses up again after so long, each time longer.
_FIRST_LOOK_S: Final = 1.0
_LOOK_FACTOR: Final = 1.6
# A splitter that reaches none connects anew when it asks next, every 2 s.
_ANEW_S: Final = PATIENCE_S + 1


@dataclass(eq=False)
class Window:
    """Audio on its way through a replica."""

    audio_s: float
    done: Callable[[], None]
    sent_s: float = 0.0
    given_up: bool = False


class Replica:
    """One Triton: a batch at a time of what has waited longest."""

    def __init__(
        self, clock: VirtualClock, name: str, throughput: float, batch: int, least_s: float
    ) -> None:
        """`throughput` in audio seconds a second; no batch takes less than `least_s`."""
        self.name = name
        self.waited_us = 0.0
        self._clock = clock
        self._throughput = throughput
        self._batch = batch
        self._least_s = least_s
        self._queue: deque[Window] = deque()
        self._busy = False
        self._left: Callable[[], None] | None = None

    def send(self, window: Window) -> None:
        """Queue a window."""
        window.sent_s = self._clock.now_s
        self._queue.append(window)
        if not self._busy:
            self._busy = True
            # Whatever arrives at the same moment shares the batch.
            self._clock.call_later(0, self._next)

    def leave(self, left: Callable[[], None]) -> None:
        """Finish what is queued, then call `left`."""
        self._left = left
        if not self._busy:
            left()

    def _next(self) -> None:
        batch: list[Window] = []
        while self._queue and len(batch) < self._batch:
            window = self._queue.popleft()
            if not window.given_up:
                batch.append(window)
        if not batch:
            self._busy = False
            if self._left is not None:
                self._left()
            return
        began_s = self._clock.now_s
        audio_s = sum(window.audio_s for window in batch)
        took_s = max(self._least_s, audio_s / self._throughput)
        self._clock.call_later(took_s, lambda: self._done(batch, began_s))

    def _done(self, batch: list[Window], began_s: float) -> None:
        for window in batch:
            self.waited_us += 1e6 * (began_s - window.sent_s)
            if not window.given_up:
                window.done()
        self._next()


class Tritons:
    """The replicas that the headless Service names."""

    def __init__(self) -> None:
        self.ready: dict[str, Replica] = {}
        self.leaving: dict[str, Replica] = {}

    def leave(self, name: str, left: Callable[[], None]) -> None:
        """Name a replica no more; it finishes what it has."""
        replica = self.ready.pop(name)
        self.leaving[name] = replica

        def finished() -> None:
            del self.leaving[name]
            left()

        replica.leave(finished)

    def waited_us(self) -> dict[str, float]:
        """Triton's nv_inference_queue_duration_us by replica."""
        return {one.name: one.waited_us for one in (self.ready | self.leaving).values()}


class Channel:
    """A splitter's connections, one to each replica that it knows of, in turns.

    It looks the name up when it has no address, when a connection is lost, and when one has reached
    its greatest age; never because there is a new replica. While it reaches none, it is made anew
    every few seconds, and looks then.
    """

    def __init__(
        self,
        clock: VirtualClock,
        random: Random,
        tritons: Tritons,
        *,
        age_s: float,
        ready: Callable[[], object],
    ) -> None:
        """`age_s` of 0: connections last; `ready` is called at the first address."""
        self._clock = clock
        self._random = random
        self._tritons = tritons
        self._age_s = age_s
        self._ready = ready
        self._known: deque[str] = deque()
        self._anew_s = clock.now_s + _ANEW_S  # when another is made, if this one reaches none
        self._looked_s = -math.inf
        self._look_again_s = _FIRST_LOOK_S
        self._alarm: Alarm | None = None
        self._found = False
        self._closed = False
        self._look()

    def send(self, window: Window) -> None:
        """Send to the next replica; without one, again in a moment, as the splitter does."""
        if lost := [name for name in self._known if name not in self._tritons.ready]:
            for name in lost:
                self._known.remove(name)
            self._anew_s = self._clock.now_s + _ANEW_S
            self._look()
        if self._known:
            self._tritons.ready[self._known[0]].send(window)
            self._known.rotate(-1)
        elif not self._closed and not window.given_up:
            self._clock.call_later(_FIRST_LOOK_S, lambda: self.send(window))

    def close(self) -> None:
        """Look nothing up any more."""
        self._closed = True

    def _look(self) -> None:
        if self._closed:
            return
        now_s = self._clock.now_s
        if not self._known and now_s >= self._anew_s:
            self._anew_s = now_s + _ANEW_S
            self._looked_s = -math.inf
            self._look_again_s = _FIRST_LOOK_S
        again_s = self._looked_s + LOOKS_APART_S
        if self._found and again_s > now_s:
            self._look_at(again_s)
            return
        self._looked_s = now_s
        self._known = deque(sorted(self._tritons.ready))
        self._random.shuffle(self._known)
        before, self._found = self._found, bool(self._known)
        if not self._found:
            if before:
                self._anew_s = now_s + _ANEW_S
            self._look_at(now_s + self._look_again_s * self._random.uniform(0.8, 1.2))
            self._look_again_s *= _LOOK_FACTOR
            return
        self._look_again_s = _FIRST_LOOK_S
        if self._age_s:
            self._look_at(now_s + self._age_s * self._random.uniform(0.9, 1.1))
        if not before:
            self._ready()

    def _look_at(self, at_s: float) -> None:
        if not self._known:
            at_s = min(at_s, self._anew_s)
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = self._clock.call_at(at_s, self._look)
