"""Simulates scaling: `python -m benchmarks.simulation`, or `make simulate`.

Prints tables, and draws the plots of docs/scaling.md.
"""

import argparse
import logging
from pathlib import Path

from benchmarks.simulation import plots, report
from benchmarks.simulation.chart import read

_DOCS = Path(__file__).resolve().parents[2] / "docs"


def main() -> None:
    """Run every scenario."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.simulation", description=__doc__)
    parser.add_argument(
        "--folder", type=Path, default=_DOCS, help="where plots are written (default: docs)"
    )
    parser.add_argument("--no-loads", action="store_true", help="leave out what takes minutes")
    arguments = parser.parse_args()
    # Every attempt that fails is one that the scheduler warns of.
    logging.disable(logging.CRITICAL)
    gpu, cpu = read("gpu"), read("keda")
    print(f"Formula: {gpu.inference.formula}\n")
    table, found = report.long_recording(gpu)
    plots.long_recording(found, arguments.folder / "scaling-long-recording.svg")
    print(f"Ten hours\n\n{table}\n")
    print(f"Ten hours from nothing, one thing changed at a time\n\n{report.knobs(gpu)}\n")
    print(f"How KEDA knows of work: done after s\n\n{report.waiting_for_work(gpu)}\n")
    print(f"Ten hours on CPU replicas\n\n{report.lone_replica(cpu)}", flush=True)
    if arguments.no_loads:
        return
    cases = []
    for case, of_load, runs in report.loads(gpu):
        busy_h = next(iter(runs.values()))[0].busy_h
        print(f"\n{case.name}: {busy_h:.1f} GPU hours of work\n\n{of_load}", flush=True)
        cases.append((case, runs))
    plots.loads(cases, arguments.folder / "scaling-loads.svg")


if __name__ == "__main__":
    main()
