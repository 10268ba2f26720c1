"""fanscribe and its peers side by side, in one run: `python -m benchmarks.end_to_end`."""

import argparse
import asyncio
import sys
from dataclasses import asdict
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.arguments import PeersParser
from benchmarks.bounds import verdict_table, verdicts
from benchmarks.interpreters import MissingPeerError, interpreter
from benchmarks.machine import Machine, this_machine
from benchmarks.measuring import Run, in_turn, measure
from benchmarks.peer_process import PeerError
from benchmarks.peers import BARE, BATCHED, FANSCRIBE, PEERS, SEQUENTIAL
from benchmarks.recordings import (
    Recording,
    RecordingError,
    beginning,
    default_recording,
    excerpt,
    read_recording,
)
from benchmarks.table import as_json, summaries, table, write_json
from benchmarks.weights import Weights, find_weights
from fanscribe.inference.errors import SetupError

# Of the machine's CPU time; more than this, used by others, makes speeds worthless.
_QUIET_SHARE = 0.05


def main() -> None:
    """Run the benchmark; exits with 1 if a peer fails or a bound is missed."""
    arguments = _arguments()
    try:
        with TemporaryDirectory(prefix="fanscribe-bench-") as folder:
            held = asyncio.run(_benchmark(arguments, Path(folder)))
    except (PeerError, RecordingError, SetupError, MissingPeerError) as error:
        sys.exit(f"benchmark: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
    if not (held or arguments.no_bounds):
        sys.exit("benchmark: not all bounds hold, see the tables")


async def _benchmark(arguments: argparse.Namespace, folder: Path) -> bool:
    """Measure, print, write; returns whether all bounds hold."""
    models, machine = [find_weights(name) for name in arguments.model], this_machine()
    peers = {
        peer: arguments.sequential_runs if peer == SEQUENTIAL else arguments.runs
        for peer in arguments.peer
    }
    for peer in peers:
        interpreter(peer)  # rather now than after an hour
    recording = _recording(arguments, folder)
    warm_up = beginning(recording, folder)
    print(_heading(recording, machine))
    results = []
    for weights in models:
        runs = [await _run(peer, weights, recording, warm_up) for peer in in_turn(peers)]
        results.append(_result(weights, runs))
        content = {
            "recording": {"name": recording.path.name, "duration_s": recording.duration_s},
            "machine": asdict(machine),
            "models": results,
        }
        # After each model: what has been measured is kept, whatever happens to the next.
        write_json(arguments.json, content)
    _tell(f"wrote {arguments.json}")
    return all(result["holds"] for result in results)


async def _run(peer: str, weights: Weights, recording: Recording, warm_up: Path) -> Run:
    _tell(f"{weights.name}: {peer} ...")
    run = await measure(peer, weights.folder, recording, warm_up)
    _tell(f"{weights.name}: {peer}: {run.wall_s:.1f} s, WER {run.errors.rate:.2%}")
    return run


def _result(weights: Weights, runs: list[Run]) -> dict[str, Any]:
    """Print the tables of one model; returns what is written of it."""
    rows = summaries(runs, BATCHED)
    found = verdicts(rows)
    print(
        f"\nWhisper {weights.name}, model.bin SHA-256 {weights.sha256[:12]}.\n\n{table(rows)}\n\n"
        f"{verdict_table(found)}\n\n{_footing(runs)}",
        flush=True,
    )
    return {
        "model": {"name": weights.name, "sha256": weights.sha256},
        "compared_to": BATCHED,
        "summaries": as_json(rows),
        "verdicts": [{**asdict(verdict), "holds": verdict.holds} for verdict in found],
        "holds": all(verdict.holds for verdict in found),
        "runs": as_json(runs),
    }


def _arguments() -> argparse.Namespace:
    parser = PeersParser(
        "end_to_end",
        __doc__,
        choices=PEERS,
        chosen=list(PEERS),
        required=[FANSCRIBE, BATCHED],
    )
    parser.add_argument("--recording", type=Path, help="English speech, in any format")
    parser.add_argument("--reference", type=Path, help="text file with its words")
    parser.add_argument("--minutes", type=float, help="only the first minutes, of joined clips")
    parser.add_argument("--runs", type=int, default=3, help="runs of each peer (default: 3)")
    parser.add_argument(
        "--sequential-runs",
        type=int,
        help="runs of faster-whisper sequential, which is slow (default: as --runs; 0: none)",
    )
    arguments = parser.parse_peers()
    if arguments.sequential_runs is None:
        arguments.sequential_runs = arguments.runs
    if (arguments.recording is None) != (arguments.reference is None):
        parser.error("--recording and --reference go together")
    if arguments.runs < 1 or arguments.sequential_runs < 0:
        parser.error("--runs must be 1 or more, --sequential-runs 0 or more")
    return arguments


def _recording(arguments: argparse.Namespace, folder: Path) -> Recording:
    recording = (
        default_recording(folder)
        if arguments.recording is None
        else read_recording(arguments.recording, arguments.reference)
    )
    return excerpt(recording, arguments.minutes, folder) if arguments.minutes else recording


def _heading(recording: Recording, machine: Machine) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in machine.packages.items())
    settings = "".join(f"\n{name}={value}" for name, value in machine.settings.items())
    return (
        f"{recording.path.name}: {recording.duration_s / 60:.1f} minutes.\n"
        f"{machine.cpu}, {machine.cores} cores. Python {machine.python}, {versions}.{settings}"
    )


def _footing(runs: list[Run]) -> str:
    told = f"Medians. RTFx: audio time over wall time; ratio: to that of {BATCHED}."
    engines_s = [run.details["engines_s"] for run in runs if run.peer == BARE]
    if engines_s:
        told += f"\n{BARE}: {median(engines_s):.1f} s of it in the engines, the rest for cutting."
    busiest = max(run.other_cpu_share for run in runs)
    if busiest > _QUIET_SHARE:
        told += (
            f"\nThe machine was not quiet: during a run, others used {busiest:.0%} of its CPU time."
            " Speeds and ratios are not to be trusted."
        )
    return told


def _tell(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
