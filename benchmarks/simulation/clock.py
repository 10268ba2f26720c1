"""Time that passes only from one event to the next."""

import heapq
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count


@dataclass(eq=False)
class Alarm:
    """A callback to come; the scheduler's `Timer`."""

    call: Callable[[], object]
    cancelled: bool = False

    def cancel(self) -> None:
        """Forget it."""
        self.cancelled = True


class VirtualClock:
    """Calls what is due in order of time, of the same time in order of arrival."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self._numbers = count()
        self._due: list[tuple[float, int, Alarm]] = []

    def call_later(self, delay_s: float, call: Callable[[], object]) -> Alarm:
        """Call once, `delay_s` from now."""
        return self.call_at(self.now_s + delay_s, call)

    def call_at(self, at_s: float, call: Callable[[], object]) -> Alarm:
        """Call once, at `at_s`."""
        alarm = Alarm(call)
        heapq.heappush(self._due, (at_s, next(self._numbers), alarm))
        return alarm

    def every(self, period_s: float, call: Callable[[], None], first_s: float) -> None:
        """Call for ever, the first time `first_s` from now."""

        def again() -> None:
            self.call_later(period_s, again)
            call()

        self.call_later(first_s, again)

    def run(self, until_s: float, done: Callable[[], bool] = lambda: False) -> None:
        """Let time pass until `until_s`, or until something is `done`."""
        while self._due and self._due[0][0] <= until_s and not done():
            self.now_s, _, alarm = heapq.heappop(self._due)
            if not alarm.cancelled:
                alarm.call()
        if not done():
            self.now_s = until_s
