"""The scenarios as pictures."""

from pathlib import Path
from typing import Any

from benchmarks.simulation.report import REPLICAS, Case
from benchmarks.simulation.scenarios import Load, One
from benchmarks.simulation.world import Outcome


def long_recording(found: dict[str, list[One]], path: Path) -> None:
    """Completion time and cost of ten hours, by the replicas that are allowed."""
    figure, (time, cost) = _figure(2, 1)
    for name, ones in found.items():
        time.plot(REPLICAS, [one.done_s for one in ones], "o-", label=name)
    scaled = found["from nothing"]
    cost.plot(REPLICAS, [one.replica_s / 3600 for one in scaled], "o-", label="replica hours")
    cost.plot(REPLICAS, [one.node_s / 3600 for one in scaled], "s--", label="node hours")
    time.set_ylabel("10 h of audio done after, s")
    cost.set_ylabel("hours for it, from nothing to nothing")
    for panel in (time, cost):
        panel.set_xscale("log", base=2)
        panel.set_yscale("log")
        panel.set_xticks(REPLICAS, [str(n) for n in REPLICAS])
        panel.set_xlabel("GPU replicas at most")
        panel.grid(alpha=0.3)
        panel.legend(fontsize=8)
    figure.savefig(path, metadata={"Date": None})


def loads(cases: list[tuple[Case, dict[str, tuple[Load, Outcome]]]], path: Path) -> None:
    """Above, what fleets cost and how long recordings take; below, replicas as time passes."""
    figure, panels = _figure(len(cases), 2)
    for number, (case, found) in enumerate(cases):
        above, below = panels[number], panels[len(cases) + number]
        changed = 0
        for name, (load, _) in found.items():
            if name.endswith("always there"):
                above.plot(load.node_h, load.p95_s, "s", color="black")
                above.annotate(name, (load.node_h, load.p95_s), (-6, 6), fontsize=7, ha="right",
                               textcoords="offset points")  # fmt: skip
            else:
                # Those that are alike lie in each other.
                above.plot(load.node_h, load.p95_s, "o", ms=15 - 1.5 * changed, mfc="none",
                           label=name)  # fmt: skip
                changed += 1
        above.set_yscale("log")
        above.set_title(case.name, fontsize=9)
        above.set_xlabel("node hours")
        _, outcome = found["as rendered"]
        history = outcome.inference.history
        hours = [at_s / 3600 for at_s, *_ in history]
        for index, name in ((3, "nodes"), (1, "wanted"), (2, "ready")):
            below.step(hours, [row[index] for row in history], where="post", label=name, lw=0.9)
        below.set_xlabel("hours")
        below.grid(alpha=0.3)
        above.grid(alpha=0.3)
    panels[0].set_ylabel("95 % of the recordings done after, s")
    panels[0].legend(fontsize=6, labelspacing=0.8)
    panels[len(cases)].set_ylabel("GPU replicas, as rendered")
    panels[len(cases)].legend(fontsize=7)
    figure.savefig(path, metadata={"Date": None})


def _figure(columns: int, rows: int) -> tuple[Any, list[Any]]:
    # Only this needs it, and it takes a second.
    import matplotlib  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    # The same run gives the same file.
    matplotlib.rcParams["svg.hashsalt"] = "fanscribe"
    figure = Figure(figsize=(4.4 * columns, 3.6 * rows), layout="constrained")
    return figure, list(figure.subplots(rows, columns, squeeze=False).flat)
