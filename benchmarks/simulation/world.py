"""One release of the chart, simulated: its orchestrator, its two fleets and what scales them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Final

from prometheus_client import CollectorRegistry

from benchmarks.simulation.autoscaling import Keda
from benchmarks.simulation.chart import Chart
from benchmarks.simulation.clock import VirtualClock
from benchmarks.simulation.fleet import Fleet, StartUp, Use
from benchmarks.simulation.inference import Channel, Replica, Tritons
from benchmarks.simulation.jobs import SimulatedJob
from benchmarks.simulation.prometheus import Prometheus
from benchmarks.simulation.splitters import SimulatedSplitter
from fanscribe.orchestrator.metrics import OrchestratorMetrics
from fanscribe.orchestrator.scheduler import Scheduler

_PUSH_S: Final = 0.2
_GPU: Final = StartUp(node_s=90, pod_s=35, node_idle_s=600)
_CPU: Final = StartUp(node_s=0, pod_s=10, node_idle_s=0)


@dataclass(frozen=True)
class Assumptions:
    """What no code of ours decides; docs/scaling.md says where each figure comes from."""

    # Audio seconds a second of one replica, and the least that a batch takes.
    throughput: float = 200
    least_batch_s: float = 0.5
    # Audio of a window. One longer than the micro chunks' stands for several of them.
    window_s: float = 20
    # Audio seconds a second that one slot of a splitter decodes and cuts.
    slot_speed: float = 200
    # Time to find one boundary between macro chunks.
    boundary_s: float = 0.1
    gpu: StartUp = _GPU
    cpu: StartUp = _CPU
    # From a pod that is ready to a stream to it: readiness probe, EndpointSlice, connection.
    discovery_s: float = 3
    # KEDA is told of work, rather than asking for it.
    push: bool = False


@dataclass(frozen=True)
class Fixed:
    """Fleets that are always there, in place of autoscaling."""

    inference: int
    splitters: int


@dataclass(frozen=True)
class Outcome:
    """What came of it."""

    jobs: Sequence[SimulatedJob]
    refused: int
    attempts_failed: int
    inference: Use
    splitters: Use


class World:
    """A release from the moment nothing runs but its orchestrators."""

    def __init__(
        self,
        chart: Chart,
        assumed: Assumptions = Assumptions(),
        *,
        fixed: Fixed | None = None,
        seed: int = 1,
    ) -> None:
        """`fixed` is instead of what the chart scales."""
        self.clock = VirtualClock()
        self._chart = chart
        self._assumed = assumed
        self._random = Random(seed)
        self._registry = CollectorRegistry()
        settings = chart.orchestrator_settings
        self._metrics = OrchestratorMetrics(self._registry)
        self._scheduler = Scheduler(
            self._metrics,
            self.clock.call_later,
            settings.chunk_attempts,
            settings.chunk_timeout_s,
        )
        self._tritons = Tritons()
        self._splitters: dict[str, SimulatedSplitter] = {}
        self._jobs: list[SimulatedJob] = []
        self._active = 0
        self._refused = 0
        self._inference = self._fleet(
            "inference", assumed.gpu, self._triton_ready, self._tritons.leave
        )
        self._pods = self._fleet("splitter", assumed.cpu, self._splitter_ready, self._drain)
        self._scalers: list[Keda] = []
        if fixed is None:
            self._scale()
        else:
            self._inference.scale(fixed.inference, at_once=True)
            self._pods.scale(fixed.splitters, at_once=True)

    def run(
        self, arrivals: Sequence[tuple[float, float]], *, until_s: float, to_the_last: bool = False
    ) -> Outcome:
        """Let jobs arrive (when, seconds of audio) until `until_s`, or until the last has ended."""
        for number, (at_s, audio_s) in enumerate(arrivals):
            self.clock.call_later(at_s, partial(self._arrive, str(number), audio_s))

        def over() -> bool:
            return to_the_last and not self._active and len(self._jobs) == len(arrivals)

        self.clock.run(until_s, over)
        failed = self._registry.get_sample_value(
            "fanscribe_chunk_attempts_total", {"outcome": "failed"}
        )
        return Outcome(
            self._jobs, self._refused, int(failed or 0), self._inference.count(), self._pods.count()
        )

    def _fleet(
        self,
        name: str,
        start_up: StartUp,
        ready: Callable[[str], None],
        leave: Callable[[str, Callable[[], None]], None],
    ) -> Fleet:
        return Fleet(self.clock, self._random, name, start_up, ready=ready, leave=leave)

    def _scale(self) -> None:
        prometheus = Prometheus(
            self.clock, self._registry, self._tritons.waited_us, self._chart.scrape_s
        )
        pairs = [(self._chart.splitter, self._pods), (self._chart.inference, self._inference)]
        self._scalers = [Keda(self.clock, prometheus, scaled, fleet) for scaled, fleet in pairs]

    def _arrive(self, job_id: str, audio_s: float) -> None:
        settings = self._chart.orchestrator_settings
        if self._active >= settings.max_jobs * self._chart.orchestrators:
            self._refused += 1
            return
        job = SimulatedJob(job_id, audio_s, self.clock.now_s, self._metrics, self._ended)
        self._jobs.append(job)
        self._active += 1
        job.begin(
            self.clock,
            self._scheduler,
            macro_s=settings.macro_chunk_size_sec,
            boundary_s=self._assumed.boundary_s,
            ahead=settings.planned_chunks,
        )
        if self._assumed.push:
            for scaler in self._scalers:
                self.clock.call_later(_PUSH_S, scaler.activate)

    def _ended(self, job: SimulatedJob) -> None:
        if not job.failure:
            job.done_s = self.clock.now_s
        self._active -= 1
        # As a real job does, in a task of its own.
        self.clock.call_later(0, lambda: self._scheduler.remove(job))

    # Pods come and go

    def _triton_ready(self, name: str) -> None:
        self._tritons.ready[name] = Replica(
            self.clock,
            name,
            self._assumed.throughput,
            max(1, round(self._chart.batch_windows * self._bundle)),
            self._assumed.least_batch_s,
        )

    def _splitter_ready(self, name: str) -> None:
        settings = self._chart.splitter_settings
        splitter = SimulatedSplitter(
            self.clock,
            self._scheduler,
            name,
            settings,
            window_s=self._assumed.window_s,
            permits=max(1, round(settings.inference_in_flight * self._bundle)),
            slot_speed=self._assumed.slot_speed,
        )
        self._splitters[name] = splitter

        def listed() -> None:
            if self._splitters.get(name) is splitter:
                self._scheduler.splitter_changed(splitter)

        splitter.channel = Channel(
            self.clock,
            self._random,
            self._tritons,
            age_s=self._chart.connection_age_s,
            ready=lambda: self.clock.call_later(self._assumed.discovery_s, listed),
        )

    def _drain(self, name: str, left: Callable[[], None]) -> None:
        self._splitters.pop(name).drain(left)

    @property
    def _bundle(self) -> float:
        """Windows of the simulation for each micro chunk."""
        return self._chart.orchestrator_settings.micro_chunk_size_sec / self._assumed.window_s
