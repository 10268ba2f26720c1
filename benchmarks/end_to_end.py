"""fanscribe and faster-whisper side by side, in one run: `python -m benchmarks.end_to_end`."""

import argparse
import asyncio
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.machine import Machine, this_machine
from benchmarks.measuring import Run, in_turn, measure
from benchmarks.peer_process import PeerError
from benchmarks.recordings import (
    Recording,
    RecordingError,
    beginning,
    default_recording,
    read_recording,
)
from benchmarks.table import as_json, summaries, table, write_json
from fanscribe.inference.digests import sha256_of
from fanscribe.inference.errors import SetupError
from fanscribe.inference.settings import InferenceSettings
from fanscribe.inference.weights import resolve_weights

_RESULTS = Path(__file__).with_name("results") / "end_to_end.json"
_COMPARED_TO = "faster-whisper batched"
# Of the machine's CPU time; more than this, used by others, makes speeds worthless.
_QUIET_SHARE = 0.05


@dataclass(frozen=True)
class Model:
    """The weights that all peers use."""

    name: str
    sha256: str


def main() -> None:
    """Run the benchmark; exits with 1 if a peer fails."""
    arguments = _arguments()
    try:
        with TemporaryDirectory(prefix="fanscribe-bench-") as folder:
            asyncio.run(_benchmark(arguments, Path(folder)))
    except (PeerError, RecordingError, SetupError) as error:
        sys.exit(f"benchmark: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


async def _benchmark(arguments: argparse.Namespace, folder: Path) -> None:
    model, machine = _model(arguments.model), this_machine()
    recording = _recording(arguments, folder)
    warm_up = beginning(recording, folder)
    peers = {
        "fanscribe": arguments.runs,
        _COMPARED_TO: arguments.runs,
        "faster-whisper sequential": arguments.sequential_runs,
    }
    runs = []
    for peer in in_turn(peers):
        _tell(f"{peer} ...")
        run = await measure(peer, model.name, recording, warm_up)
        _tell(f"{peer}: {run.wall_s:.1f} s, WER {run.errors.rate:.2%}")
        runs.append(run)
    rows = summaries(runs, _COMPARED_TO)
    print(f"{_heading(recording, model, machine)}\n\n{table(rows)}\n\n{_footing(runs)}")
    content: dict[str, Any] = {
        "recording": {"name": recording.path.name, "duration_s": recording.duration_s},
        "model": asdict(model),
        "machine": asdict(machine),
        "compared_to": _COMPARED_TO,
        "summaries": as_json(rows),
        "runs": as_json(runs),
    }
    write_json(arguments.json, content)
    _tell(f"wrote {arguments.json}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.end_to_end", description=__doc__)
    parser.add_argument("--recording", type=Path, help="English speech, in any format")
    parser.add_argument("--reference", type=Path, help="text file with its words")
    parser.add_argument("--model", default="tiny.en", help="tiny.en (default), base, or a folder")
    parser.add_argument("--runs", type=int, default=3, help="runs of each peer (default: 3)")
    parser.add_argument(
        "--sequential-runs",
        type=int,
        default=1,
        help="runs of faster-whisper sequential, which is slow (default: 1; 0 leaves it out)",
    )
    parser.add_argument("--json", type=Path, default=_RESULTS, help="file to write the results to")
    arguments = parser.parse_args()
    if (arguments.recording is None) != (arguments.reference is None):
        parser.error("--recording and --reference go together")
    if arguments.runs < 1 or arguments.sequential_runs < 0:
        parser.error("--runs must be 1 or more, --sequential-runs 0 or more")
    return arguments


def _recording(arguments: argparse.Namespace, folder: Path) -> Recording:
    if arguments.recording is None:
        return default_recording(folder)
    return read_recording(arguments.recording, arguments.reference)


def _model(name: str) -> Model:
    cache_dir = InferenceSettings().cache_dir.expanduser()
    return Model(name, sha256_of(resolve_weights(name, cache_dir) / "model.bin", cache_dir))


def _heading(recording: Recording, model: Model, machine: Machine) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in machine.packages.items())
    settings = "".join(f"\n{name}={value}" for name, value in machine.settings.items())
    return (
        f"{recording.path.name}: {recording.duration_s / 60:.1f} minutes. "
        f"Whisper {model.name}, model.bin SHA-256 {model.sha256[:12]}.\n"
        f"{machine.cpu}, {machine.cores} cores. Python {machine.python}, {versions}.{settings}"
    )


def _footing(runs: list[Run]) -> str:
    busiest = max(run.other_cpu_share for run in runs)
    told = f"Medians. RTFx: audio time over wall time; ratio: to that of {_COMPARED_TO}."
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
