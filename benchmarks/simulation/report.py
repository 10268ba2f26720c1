"""The scenarios as tables."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from benchmarks.simulation import scenarios as of
from benchmarks.simulation.chart import Chart
from benchmarks.simulation.fleet import StartUp
from benchmarks.simulation.scenarios import Load, One, many_recordings, one_recording, poisson
from benchmarks.simulation.world import Assumptions, Fixed, Outcome
from benchmarks.table import markdown

GPU = Assumptions()
CPU = Assumptions(throughput=20, least_batch_s=0.5)
# A window stands for five: their number is what takes the time.
COARSE = replace(GPU, window_s=100)

REPLICAS = (1, 2, 4, 8, 16, 32, 64)
_ONE = ("", "done s", "GPUs", "replica s", "node s")
_LOAD = ("", "median s", "p95 s", "replica h", "node h", "refused")


@dataclass(frozen=True)
class Case:
    """A load, and the fleets that it is put on."""

    name: str
    replicas: float
    busy: tuple[tuple[float, float], ...]  # hours
    until_h: float
    fixed: tuple[int, ...]
    pauses: bool  # there is time to scale in


CASES = (
    Case("a recording every half hour", 1 / 300, ((0, 24),), 24, (1,), pauses=True),
    Case("3 replicas' worth", 3, ((0, 3),), 3, (4, 6, 8), pauses=False),
    Case("12 replicas' worth", 12, ((0, 1),), 1, (16, 20), pauses=False),
    Case("3 replicas' worth, two hours in six", 3, ((0, 2),), 6, (4, 6), pauses=True),
)


def long_recording(chart: Chart) -> tuple[str, dict[str, list[One]]]:
    """Ten hours from nothing, for each number of replicas, beside fleets that are always there."""
    aimed = [
        of.target(chart, of.TEN_HOURS_S / GPU.throughput / n, GPU.throughput) for n in REPLICAS
    ]
    found = {
        "fixed": [one_recording(chart, fixed=Fixed(n, chart.splitter.most)) for n in REPLICAS],
        "from nothing": [
            one_recording(of.most(wanting, n)) for n, wanting in zip(REPLICAS, aimed, strict=True)
        ],
    }
    rows = [
        (f"{n}", f"{fixed.done_s:.0f}", *_cells(scaled))
        for n, fixed, scaled in zip(REPLICAS, found["fixed"], found["from nothing"], strict=True)
    ]
    headings = ("replicas at most", "always there: done s", "from nothing: done s", *_ONE[2:])
    return markdown(headings, rows), found


def knobs(chart: Chart) -> str:
    """Ten hours from nothing, one thing changed at a time."""
    changed = {
        "as rendered": one_recording(chart),
        **{
            f"target {seconds} s": one_recording(of.target(chart, seconds, GPU.throughput))
            for seconds in (15, 30, 120, 300)
        },
        **{
            f"connections last {seconds or 'for ever'}": one_recording(
                of.connections(chart, seconds)
            )
            for seconds in (60, 300, 0)
        },
        **{
            f"{windows} windows on the way": one_recording(of.on_the_way(chart, windows))
            for windows in (8, 32)
        },
        "without `waiting`": one_recording(of.without(chart, "waiting")),
        "without `done`": one_recording(of.without(chart, "done")),
        "throughput half of what is said": one_recording(chart, replace(GPU, throughput=100)),
        "throughput twice what is said": one_recording(chart, replace(GPU, throughput=400)),
    }
    return markdown(_ONE, [(name, *_cells(one)) for name, one in changed.items()])


def waiting_for_work(chart: Chart) -> str:
    """Short recordings from nothing, by how KEDA comes to know of them."""
    warm = replace(GPU, gpu=StartUp(0, 35, 600))
    rows = []
    for name, scaled, push in (
        *((f"asks every {s} s", of.polling(chart, s), False) for s in (1, 2, 5, 15, 30)),
        ("is told (external-push)", chart, True),
    ):
        cells = [
            f"{one_recording(scaled, replace(assumed, push=push), audio_s=audio_s).done_s:.0f}"
            for assumed in (GPU, warm)
            for audio_s in (60, of.TEN_HOURS_S)
        ]
        rows.append((name, *cells))
    headings = ("KEDA", "new node: 1 min", "10 h", "node is there: 1 min", "10 h")
    return markdown(headings, rows)


def lone_replica(chart: Chart) -> str:
    """Ten hours on the first CPU replica that is there, with more splitters than it can serve."""
    rows = []
    for splitters, windows, patience_s in (
        (32, 32, 120),
        (32, 32, 300),
        (8, 32, 300),
        (8, 16, 300),
        (8, 8, 300),
    ):
        scaled = of.patience(of.on_the_way(of.splitters(chart, splitters), windows), patience_s)
        for name, fixed in (("one replica", Fixed(1, splitters)), ("from nothing", None)):
            one = one_recording(scaled, CPU, fixed=fixed)
            done = "fails" if one.jobs_failed else f"{one.done_s:.0f}"
            rows.append((f"{splitters} splitters, {windows} windows, {patience_s} s, {name}", done,
                         f"{one.attempts_failed:.0f}"))  # fmt: skip
    return markdown(("", "done s", "attempts that failed"), rows)


def loads(chart: Chart) -> Iterator[tuple[Case, str, dict[str, tuple[Load, Outcome]]]]:
    """Each load on fixed fleets, and on what the chart scales with one thing changed at a time."""
    for case in CASES:
        arrivals = poisson(case.replicas, GPU.throughput, case.busy)
        found = {
            f"{n} always there": many_recordings(
                chart,
                COARSE,
                arrivals,
                until_h=case.until_h,
                fixed=Fixed(n, chart.splitter.most),
            )
            for n in case.fixed
        }
        for name, (scaled, assumed) in _changes(of.most(chart, 64), pauses=case.pauses).items():
            found[name] = many_recordings(scaled, assumed, arrivals, until_h=case.until_h)
        rows = [(name, *_load_cells(load)) for name, (load, _) in found.items()]
        yield case, markdown(_LOAD, rows), found


def _changes(chart: Chart, *, pauses: bool) -> dict[str, tuple[Chart, Assumptions]]:
    changes = {
        "as rendered": (chart, COARSE),
        "without `done`": (of.without(chart, "done"), COARSE),
        "without `waiting`": (of.without(chart, "waiting"), COARSE),
    }
    if pauses:
        changes |= {
            "cool-down 60 s": (of.cooldown(chart, 60), COARSE),
            "cool-down 1200 s": (of.cooldown(chart, 1200), COARSE),
            "down after 60 s": (of.steadiness(chart, 60), COARSE),
            "down after 600 s": (of.steadiness(chart, 600), COARSE),
        }
    return changes


def _cells(one: One) -> tuple[str, ...]:
    return f"{one.done_s:.0f}", f"{one.gpus:.0f}", f"{one.replica_s:.0f}", f"{one.node_s:.0f}"


def _load_cells(load: Load) -> tuple[str, ...]:
    return (
        f"{load.median_s:.0f}",
        f"{load.p95_s:.0f}",
        f"{load.replica_h:.1f}",
        f"{load.node_h:.1f}",
        f"{load.refused}",
    )
