"""What is simulated: one long recording from nothing, and recordings that come as they come."""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from random import Random
from statistics import fmean, quantiles

from benchmarks.simulation.chart import Chart
from benchmarks.simulation.world import Assumptions, Fixed, Outcome, World

TEN_HOURS_S = 36_000.0
_SEEDS = (1, 2, 3, 4, 5)
_HOUR_S = 3600.0


@dataclass(frozen=True)
class One:
    """One recording: means over several starts that differ in how long nodes take."""

    done_s: float
    gpus: float  # at most
    replica_s: float
    node_s: float  # until the last node is given back
    attempts_failed: float
    jobs_failed: int


@dataclass(frozen=True)
class Load:
    """Many recordings."""

    jobs: int
    refused: int
    failed: int
    median_s: float
    p95_s: float
    replica_h: float
    node_h: float
    busy_h: float  # GPU hours that the audio takes


def one_recording(
    chart: Chart,
    assumed: Assumptions = Assumptions(),  # noqa: B008  frozen
    *,
    audio_s: float = TEN_HOURS_S,
    fixed: Fixed | None = None,
) -> One:
    """Transcribe one recording that arrives when nothing runs, or on a fixed fleet."""
    found: list[tuple[float, ...]] = []
    failed = 0
    for seed in _SEEDS:
        world = World(chart, assumed, fixed=fixed, seed=seed)
        outcome = world.run([(0, audio_s)], until_s=4 * _HOUR_S, to_the_last=True)
        (job,) = outcome.jobs
        failed += bool(job.failure)
        if fixed is None:
            left_s = chart.inference.cooldown_s + assumed.gpu.node_idle_s + 900
            outcome = world.run([], until_s=world.clock.now_s + left_s)
        use = outcome.inference
        most_wanted = max(wanted for _, wanted, _, _ in use.history)
        found.append((job.done_s, most_wanted, use.pod_s, use.node_s, outcome.attempts_failed))
    means = (fmean(column) for column in zip(*found, strict=True))  # NaN where one failed
    done_s, gpus, replica_s, node_s, attempts_failed = means
    return One(done_s, gpus, replica_s, node_s, attempts_failed, failed)


def poisson(
    replicas: float, throughput: float, hours: Iterable[tuple[float, float]], mean_s: float = 1200
) -> list[tuple[float, float]]:
    """Recordings that keep `replicas` busy on average, within spans of hours.

    They come at random, and are as long as chance has it: exponential, 20 minutes on average.
    """
    random, arrivals = Random(7), []
    for begin_h, end_h in hours:
        at_s = begin_h * _HOUR_S
        while (at_s := at_s + random.expovariate(replicas * throughput / mean_s)) < end_h * _HOUR_S:
            arrivals.append((at_s, max(30.0, random.expovariate(1 / mean_s))))
    return arrivals


def many_recordings(
    chart: Chart,
    assumed: Assumptions,
    arrivals: Sequence[tuple[float, float]],
    *,
    until_h: float,
    fixed: Fixed | None = None,
) -> tuple[Load, Outcome]:
    """Transcribe recordings as they arrive."""
    outcome = World(chart, assumed, fixed=fixed).run(arrivals, until_s=until_h * _HOUR_S)
    took_s = [job.done_s - job.arrived_s for job in outcome.jobs if not math.isnan(job.done_s)]
    percent = quantiles(took_s, n=100)
    load = Load(
        jobs=len(arrivals),
        refused=outcome.refused,
        failed=sum(bool(job.failure) for job in outcome.jobs),
        median_s=percent[49],
        p95_s=percent[94],
        replica_h=outcome.inference.pod_s / _HOUR_S,
        node_h=outcome.inference.node_s / _HOUR_S,
        busy_h=sum(audio_s for _, audio_s in arrivals) / assumed.throughput / _HOUR_S,
    )
    return load, outcome


# What is changed of the chart, one thing at a time


def most(chart: Chart, replicas: int) -> Chart:
    """Allow so many replicas of inference."""
    return replace(chart, inference=replace(chart.inference, most=replicas))


def target(chart: Chart, seconds: float, throughput: float) -> Chart:
    """Aim at another time: the divisor of `audio` is throughput times it."""
    return _formula(chart, r"audio / [\d.]+", f"audio / {throughput * seconds}")


def without(chart: Chart, trigger: str) -> Chart:
    """Leave one term of the formula out."""
    return _formula(chart, rf", {trigger} / [\d.]+", "")


def cooldown(chart: Chart, seconds: float) -> Chart:
    """Wait longer, or not so long, before the last replica goes."""
    return replace(chart, inference=replace(chart.inference, cooldown_s=seconds))


def steadiness(chart: Chart, seconds: int) -> Chart:
    """Look further back before replicas go, or not so far."""
    down = replace(chart.inference.down, window_s=seconds)
    return replace(chart, inference=replace(chart.inference, down=down))


def polling(chart: Chart, seconds: float) -> Chart:
    """Let KEDA ask more, or less often."""
    return replace(
        chart,
        splitter=replace(chart.splitter, polling_s=seconds),
        inference=replace(chart.inference, polling_s=seconds),
    )


def connections(chart: Chart, seconds: float) -> Chart:
    """Let Triton end connections after so long; 0: never."""
    return replace(chart, connection_age_s=seconds)


def splitters(chart: Chart, replicas: int) -> Chart:
    """Allow so many splitters."""
    return replace(chart, splitter=replace(chart.splitter, most=replicas))


def on_the_way(chart: Chart, windows: int) -> Chart:
    """Let each splitter have so many windows on Triton."""
    settings = chart.splitter_settings.model_copy(update={"inference_in_flight": windows})
    return replace(chart, splitter_settings=settings)


def patience(chart: Chart, seconds: float) -> Chart:
    """Let splitters wait so long for a window's text."""
    settings = chart.splitter_settings.model_copy(update={"inference_timeout_s": seconds})
    return replace(chart, splitter_settings=settings)


def _formula(chart: Chart, pattern: str, replacement: str) -> Chart:
    formula, count = re.subn(pattern, replacement, chart.inference.formula)
    if count != 1:
        raise ValueError(f"not one of {pattern!r} in the chart's formula {formula!r}")
    return replace(chart, inference=replace(chart.inference, formula=formula))
