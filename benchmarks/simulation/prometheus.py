"""A Prometheus that scrapes on the virtual clock and answers the chart's queries."""

import re
from collections import deque
from collections.abc import Callable, Mapping
from typing import Final

from prometheus_client import CollectorRegistry

from benchmarks.simulation.clock import VirtualClock

_SUM: Final = re.compile(r"sum\((\w+)\{[^{}]*\}\)")
_RATE: Final = re.compile(r"sum\(rate\((\w+)\{[^{}]*\}\[(\d+)m\]\)\)( / 1e6)? or vector\(0\)")
# Nothing older is asked for.
_KEPT_S: Final = 600.0

Counters = Callable[[], Mapping[str, float]]  # of Triton's replicas that can be scraped, by name
_Series = tuple[str, str]  # name, labels


class Prometheus:
    """Answers with what it scraped last, never with what is true now."""

    def __init__(
        self, clock: VirtualClock, registry: CollectorRegistry, triton: Counters, scrape_s: float
    ) -> None:
        """`triton` gives nv_inference_queue_duration_us of every replica."""
        self._clock = clock
        self._registry = registry
        self._triton = triton
        self._scrapes: deque[tuple[float, dict[_Series, float]]] = deque()
        clock.every(scrape_s, self._scrape, first_s=scrape_s / 2)

    def ask(self, query: str) -> float:
        """Answer one of the chart's queries; raises ValueError at any other."""
        if found := _SUM.fullmatch(query):
            last = self._scrapes[-1][1] if self._scrapes else {}
            return sum(value for (name, _), value in last.items() if name == found[1])
        if found := _RATE.fullmatch(query):
            range_s = 60.0 * int(found[2])
            assert range_s <= _KEPT_S
            rates = (self._rate(series, range_s) for series in self._series(found[1]))
            return sum(rates) / (1e6 if found[3] else 1)
        raise ValueError(f"the simulation does not know this query: {query}")

    def _scrape(self) -> None:
        now_s = self._clock.now_s
        values = {
            (sample.name, str(sample.labels)): sample.value
            for family in self._registry.collect()
            if family.type in {"gauge", "counter"}
            for sample in family.samples
        }
        for replica, waited_us in self._triton().items():
            values["nv_inference_queue_duration_us", replica] = waited_us
        self._scrapes.append((now_s, values))
        while self._scrapes[0][0] < now_s - _KEPT_S:
            self._scrapes.popleft()

    def _series(self, name: str) -> set[_Series]:
        return {series for _, values in self._scrapes for series in values if series[0] == name}

    def _rate(self, series: _Series, range_s: float) -> float:
        """Return the rate of a counter as Prometheus extrapolates it."""
        begin_s = self._clock.now_s - range_s
        points = [(at, of[series]) for at, of in self._scrapes if at > begin_s and series in of]
        if len(points) < 2:
            return 0.0
        (first_s, first), (last_s, last) = points[0], points[-1]
        usual_s = (last_s - first_s) / (len(points) - 1)
        before_s, after_s = first_s - begin_s, self._clock.now_s - last_s
        covered_s = last_s - first_s
        covered_s += before_s if before_s < 1.1 * usual_s else usual_s / 2
        covered_s += after_s if after_s < 1.1 * usual_s else usual_s / 2
        return (last - first) * covered_s / (last_s - first_s) / range_s
