"""KEDA and the HPA controller as they are documented, on the virtual clock."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from benchmarks.simulation.chart import Direction, ScaledObject
from benchmarks.simulation.clock import VirtualClock
from benchmarks.simulation.fleet import Fleet
from benchmarks.simulation.prometheus import Prometheus

# Of kube-controller-manager: --horizontal-pod-autoscaler-sync-period and -tolerance.
HPA_SYNC_S: Final = 15.0
HPA_TOLERANCE: Final = 0.1


@dataclass
class Hpa:
    """From one replica on: autoscaling/v2 with behaviour."""

    scaled: ScaledObject
    _recommended: list[tuple[float, int]] = field(default_factory=list)
    _changes: list[tuple[float, int]] = field(default_factory=list)  # replicas added

    def step(self, now_s: float, current: int, metrics: Sequence[tuple[float, float]]) -> int:
        """Return the replicas that there should be; `metrics` are values and their targets."""
        wanted = max(_replicas(current, value, target) for value, target in metrics)
        limited = min(max(self._steady(now_s, current, wanted), 1), self.scaled.most)
        allowed = self._allowed(now_s, current, limited)
        if allowed != current:
            self._changes.append((now_s, allowed - current))
        return allowed

    def _steady(self, now_s: float, current: int, wanted: int) -> int:
        """Go up no further than all of a window agree, and down neither."""
        up_s, down_s = self.scaled.up.window_s, self.scaled.down.window_s
        up = min([wanted, *(n for at, n in self._recommended if at > now_s - up_s)])
        down = max([wanted, *(n for at, n in self._recommended if at > now_s - down_s)])
        self._recommended.append((now_s, wanted))
        return min(max(current, up), down)

    def _allowed(self, now_s: float, current: int, wanted: int) -> int:
        if wanted > current:
            return min(wanted, max(self._limits(now_s, current, self.scaled.up, 1)))
        if wanted < current:
            return max(wanted, min(self._limits(now_s, current, self.scaled.down, -1)))
        return current

    def _limits(self, now_s: float, current: int, direction: Direction, sign: int) -> list[int]:
        limits = []
        for policy in direction.policies:
            changed = sum(
                change
                for at, change in self._changes
                if at > now_s - policy.period_s and change * sign > 0
            )
            began = current - changed
            if policy.kind == "Pods":
                limits.append(began + sign * policy.value)
            else:
                share = began * (1 + sign * policy.value / 100)
                limits.append(math.ceil(share) if sign > 0 else int(share))
        return limits


def _replicas(current: int, value: float, target: float) -> int:
    if abs(value / (target * current) - 1) <= HPA_TOLERANCE:
        return current
    return math.ceil(value / target)


class Keda:
    """Asks Prometheus, and sets a fleet's replicas: from and to zero itself, else by an HPA."""

    def __init__(
        self, clock: VirtualClock, prometheus: Prometheus, scaled: ScaledObject, fleet: Fleet
    ) -> None:
        self._clock = clock
        self._prometheus = prometheus
        self._scaled = scaled
        self._fleet = fleet
        self._hpa = Hpa(scaled)
        self._last_active_s = 0.0
        # The worst of phases: a job that arrives at 0 has just been missed.
        clock.every(scaled.polling_s, self._poll, first_s=scaled.polling_s)
        clock.every(HPA_SYNC_S, self._sync, first_s=HPA_SYNC_S)

    def activate(self) -> None:
        """Have a replica at least, as an external-push scaler asks for it."""
        self._last_active_s = self._clock.now_s
        if self._fleet.wanted == 0:
            self._fleet.scale(max(1, self._scaled.least))

    def _answers(self) -> dict[str, float]:
        return {one.name: self._prometheus.ask(one.query) for one in self._scaled.triggers}

    def _poll(self) -> None:
        if self._scaled.active(self._answers()):
            self.activate()
        elif self._clock.now_s - self._last_active_s > self._scaled.cooldown_s:
            self._fleet.scale(min(self._fleet.wanted, self._scaled.least))

    def _sync(self) -> None:
        current = self._fleet.wanted
        if current:
            metrics = self._scaled.metrics(self._answers())
            self._fleet.scale(
                max(self._scaled.least, self._hpa.step(self._clock.now_s, current, metrics))
            )
