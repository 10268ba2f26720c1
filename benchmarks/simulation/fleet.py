"""Pods of a Deployment and the nodes they need, with the time that both take to start."""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from benchmarks.simulation.clock import Alarm, VirtualClock


@dataclass(frozen=True)
class StartUp:
    """What stands between a pod that is wanted and one that is ready."""

    node_s: float  # until a new node runs pods; 0: there is always room
    pod_s: float  # image, weights, warm-up
    node_idle_s: float  # after which a node without pods is given back
    spread: float = 0.1  # either time differs by so much, evenly


@dataclass(eq=False)
class Pod:
    """One pod, on a node of its own."""

    name: str
    alarm: Alarm | None = None  # of its start
    ready: bool = False


@dataclass
class Use:
    """What a fleet has cost so far."""

    pod_s: float = 0.0  # wanted or still finishing
    node_s: float = 0.0
    # Time, pods wanted, pods ready, nodes; whenever one of them changed.
    history: list[tuple[float, int, int, int]] = field(default_factory=list)


class Fleet:
    """Keeps as many pods as are wanted."""

    def __init__(
        self,
        clock: VirtualClock,
        random: Random,
        name: str,
        start_up: StartUp,
        *,
        ready: Callable[[str], None],
        leave: Callable[[str, Callable[[], None]], None],
    ) -> None:
        """`ready` is told a pod's name; `leave` too, and calls back when that pod has finished."""
        self._clock = clock
        self._random = random
        self._name = name
        self._start_up = start_up
        self._ready = ready
        self._leave = leave
        self._pods: list[Pod] = []
        self._leaving = 0
        self._idle_nodes: list[Alarm] = []
        self._numbers = 0
        self._counted_s = 0.0
        self.use = Use()

    @property
    def wanted(self) -> int:
        """Replicas of the Deployment."""
        return len(self._pods)

    @property
    def ready(self) -> int:
        """Pods that are ready."""
        return sum(pod.ready for pod in self._pods)

    def scale(self, replicas: int, *, at_once: bool = False) -> None:
        """Have so many; `at_once` makes them ready without a start."""
        if replicas == self.wanted:
            return
        self._count()
        while self.wanted < replicas:
            self._add(at_once)
        while self.wanted > replicas:
            self._remove()
        self._note()

    def count(self) -> Use:
        """Return what it has cost until now."""
        self._count()
        self._note()
        return self.use

    def _add(self, at_once: bool) -> None:
        self._numbers += 1
        pod = Pod(f"{self._name}-{self._numbers}")
        self._pods.append(pod)
        if at_once:
            self._started(pod)
            return
        start_s = self._start_up.pod_s
        if self._idle_nodes:
            self._idle_nodes.pop().cancel()
        else:
            start_s += self._start_up.node_s
        spread = self._start_up.spread
        start_s *= self._random.uniform(1 - spread, 1 + spread)
        pod.alarm = self._clock.call_later(start_s, lambda: self._started(pod))

    def _started(self, pod: Pod) -> None:
        self._count()
        pod.ready = True
        self._note()
        self._ready(pod.name)

    def _remove(self) -> None:
        """Remove as a ReplicaSet does: what is not ready first, then the youngest."""
        pod = min(reversed(self._pods), key=lambda one: one.ready)
        self._pods.remove(pod)
        if pod.alarm is not None:
            pod.alarm.cancel()
        if pod.ready:
            self._leaving += 1
            self._leave(pod.name, self._left)
        else:
            self._idle()

    def _left(self) -> None:
        self._count()
        self._leaving -= 1
        self._idle()
        self._note()

    def _idle(self) -> None:
        def give_back() -> None:
            self._count()
            self._idle_nodes.remove(alarm)
            self._note()

        alarm = self._clock.call_later(self._start_up.node_idle_s, give_back)
        self._idle_nodes.append(alarm)

    @property
    def _nodes(self) -> int:
        return len(self._pods) + self._leaving + len(self._idle_nodes)

    def _count(self) -> None:
        passed_s = self._clock.now_s - self._counted_s
        self._counted_s = self._clock.now_s
        self.use.pod_s += passed_s * (len(self._pods) + self._leaving)
        self.use.node_s += passed_s * self._nodes

    def _note(self) -> None:
        self.use.history.append((self._clock.now_s, self.wanted, self.ready, self._nodes))
