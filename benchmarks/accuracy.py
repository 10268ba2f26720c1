"""Right words, languages and times, and what cuts do to them: `python -m benchmarks.accuracy`."""

import argparse
import asyncio
import sys
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from benchmarks.accuracy_changes import score_changes
from benchmarks.accuracy_seams import COMPARED, find_seams, seam_checks, seams_table
from benchmarks.accuracy_times import Times, find_onsets, time_checks, times_of, times_table
from benchmarks.accuracy_words import (
    language_checks,
    languages_table,
    score_sets,
    scores_json,
    words_table,
)
from benchmarks.arguments import PeersParser
from benchmarks.checks import Check, checks_table
from benchmarks.interpreters import MissingPeerError, interpreter
from benchmarks.jobs import Job, transcriptions
from benchmarks.machine import this_machine
from benchmarks.peer import Options
from benchmarks.peer_process import PeerError
from benchmarks.peers import BATCHED, FANSCRIBE, SEQUENTIAL
from benchmarks.recordings import RecordingError
from benchmarks.speech_sets import (
    CHAPTER,
    MIX,
    english_sets,
    language_sets,
    long_recordings,
    repeated,
)
from benchmarks.table import write_json
from benchmarks.weights import Weights, find_weights
from fanscribe.inference.errors import SetupError

_PARTS: Final = ("words", "languages", "changes", "times", "seams")
_MULTILINGUAL: Final = "base"
# Of a recording of some minutes, to see whether times drift.
_REPETITIONS: Final = 4


class Report:
    """What has been found so far: printed, and kept for the file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._content: dict[str, Any] = {"machine": asdict(this_machine())}
        self.checks: list[Check] = []

    def add(self, part: str, model: str, table: str, found: Any, checks: list[Check]) -> None:
        """Print a table, keep what it was made from, and the bounds it has to keep."""
        print(f"\n## {part}, {model}\n\n{table}", flush=True)
        self.checks += checks
        self._content[f"{part} {model}"] = found
        self._content["checks"] = [check.to_json() for check in self.checks]
        write_json(self._path, self._content)


def main() -> None:
    """Run the benchmark; exits with 1 if a peer fails or a bound is missed."""
    arguments = _arguments()
    report = Report(arguments.json)
    try:
        with TemporaryDirectory(prefix="fanscribe-accuracy-") as folder:
            asyncio.run(_benchmark(arguments, Path(folder), report))
    except (MissingPeerError, PeerError, RecordingError, SetupError) as error:
        sys.exit(f"benchmark: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
    if report.checks:
        print(f"\n## Bounds\n\n{checks_table(report.checks)}")
    if not (arguments.no_bounds or all(check.holds for check in report.checks)):
        sys.exit("benchmark: not all bounds hold, see the table")


async def _benchmark(arguments: argparse.Namespace, folder: Path, report: Report) -> None:
    models = [find_weights(name) for name in arguments.model]
    if "seams" in arguments.part:
        for peer in COMPARED:
            interpreter(peer)  # rather now than after an hour
    for weights in models:
        if "words" in arguments.part:
            await _words(weights, arguments, folder, report)
        if "times" in arguments.part:
            await _times(weights, arguments, folder, report)
        if "seams" in arguments.part:
            await _seams(weights, arguments, folder, report)
    # The others speak English only.
    multilingual = find_weights(_MULTILINGUAL)
    if "languages" in arguments.part:
        await _languages(multilingual, arguments, report)
    if "changes" in arguments.part:
        table, found, checks = await score_changes(multilingual, folder)
        report.add("Changing languages", multilingual.name, table, found, checks)


async def _words(
    weights: Weights, arguments: argparse.Namespace, folder: Path, report: Report
) -> None:
    sets = english_sets(folder, arguments.minutes)
    scores = await score_sets(weights, arguments.peer, sets)
    table = words_table(sets, scores, arguments.peer)
    report.add("Words", weights.name, table, scores_json(scores), [])


async def _languages(weights: Weights, arguments: argparse.Namespace, report: Report) -> None:
    sets = language_sets(arguments.minutes)
    scores = await score_sets(weights, arguments.peer, sets)
    table = languages_table(sets, scores, arguments.peer)
    checks = language_checks(sets, scores)
    report.add("Languages", weights.name, table, scores_json(scores), checks)


async def _times(
    weights: Weights, arguments: argparse.Namespace, folder: Path, report: Report
) -> None:
    joined = long_recordings(folder, arguments.minutes)
    several = f"{CHAPTER}, {_REPETITIONS} times"
    recordings = {
        MIX: joined[MIX],
        CHAPTER: joined[CHAPTER],
        several: repeated(joined[CHAPTER], _REPETITIONS, folder),
    }
    onsets = {name: find_onsets(recording) for name, recording in recordings.items()}
    jobs = [Job(recording.path, Options(word_timestamps=True)) for recording in recordings.values()]
    found: dict[str, list[Times]] = {name: [] for name in recordings}
    checks = []
    for peer in arguments.peer:
        heard = await transcriptions(peer, weights, jobs)
        for name, transcription in zip(recordings, heard, strict=True):
            repetitions = _REPETITIONS if name == several else 1
            times = times_of(peer, transcription, onsets[name], repetitions)
            found[name].append(times)
            if peer == FANSCRIBE:
                label = f"{weights.name}, {name}"
                checks += time_checks(label, times, transcription.segments)
    kept = {name: [times.to_json() for times in of_one] for name, of_one in found.items()}
    report.add("Times", weights.name, times_table(found), kept, checks)


async def _seams(
    weights: Weights, arguments: argparse.Namespace, folder: Path, report: Report
) -> None:
    recording = long_recordings(folder, arguments.minutes)[MIX]
    seams = await find_seams(weights, recording, folder)
    checks = seam_checks(f"{weights.name}, {MIX}", seams)
    report.add("Seams", weights.name, seams_table(seams), asdict(seams), checks)


def _arguments() -> argparse.Namespace:
    peers = [FANSCRIBE, BATCHED, SEQUENTIAL]
    parser = PeersParser("accuracy", __doc__, choices=peers, chosen=peers)
    parser.add_argument(
        "--part",
        nargs="+",
        choices=_PARTS,
        default=_PARTS,
        help=f"default: all; languages and changes are those of {_MULTILINGUAL} alone",
    )
    parser.add_argument("--minutes", type=float, help="at most so much of every set")
    return parser.parse_peers()


if __name__ == "__main__":
    main()
