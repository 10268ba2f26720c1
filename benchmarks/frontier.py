"""What windows cost and what they get wrong, by how they are cut: `python -m benchmarks.frontier`.

In one process with one worker, without Triton: its CPU time counts, not the wall's.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks.engine import Engine, Knobs
from benchmarks.frontier_plot import plot
from benchmarks.frontier_points import Measured, Point, points
from benchmarks.joining import joined
from benchmarks.machine import this_machine
from benchmarks.recordings import Recording, RecordingError
from benchmarks.scoring import word_errors
from benchmarks.speech_sets import long_recordings
from benchmarks.table import markdown, write_json
from benchmarks.weights import Weights, find_weights
from benchmarks.windows import windows
from fanscribe.inference.errors import SetupError
from fanscribe.inference.hearing import hearing_of
from fanscribe.inference.settings import InferenceSettings
from fanscribe.splitter.chunker import MicroChunk
from tests.support.audio import decode

_RESULTS: Final = Path(__file__).with_name("results")


class CachedWindows:
    """Windows of the recordings, cut once for each length."""

    def __init__(self, recordings: dict[str, Recording]) -> None:
        self.recordings = recordings
        self._samples = {name: decode(one.path) for name, one in recordings.items()}
        self._cuts: dict[tuple[str, int], list[MicroChunk]] = {}

    def of(self, name: str, longest_s: int) -> list[MicroChunk]:
        """Windows of the recording `name`, of at most `longest_s` seconds."""
        if (name, longest_s) not in self._cuts:
            self._cuts[name, longest_s] = windows(self._samples[name], 0, longest_s)
        return self._cuts[name, longest_s]


def main() -> None:
    """Run the benchmark."""
    arguments = _arguments()
    try:
        with TemporaryDirectory(prefix="fanscribe-frontier-") as folder:
            cached = CachedWindows(long_recordings(Path(folder), arguments.minutes))
            for weights in [find_weights(name) for name in arguments.model]:
                hearing = hearing_of(InferenceSettings(), weights.folder)
                usual = Point(hop_samples=hearing.hop_samples, sure_logprob=hearing.sure_logprob)
                wanted = points(usual, whole_grid=arguments.grid)
                measured = _measured(weights, cached, wanted)
                _keep(weights, measured, usual, arguments.folder)
    except (RecordingError, SetupError) as error:
        sys.exit(f"benchmark: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


def _measured(weights: Weights, cached: CachedWindows, wanted: Sequence[Point]) -> list[Measured]:
    engine = Engine(weights.folder, Knobs(), workers=1)
    # The first batch of a process is slower than others.
    engine.transcribe(cached.of(next(iter(cached.recordings)), wanted[0].longest_s)[:1], "en")
    measured: list[Measured] = []
    for number, point in enumerate(wanted, 1):
        print(f"{weights.name}: {number} of {len(wanted)}: {point}", file=sys.stderr, flush=True)
        engine.turn(point.knobs)
        measured += [_measure(engine, point, name, cached) for name in cached.recordings]
    engine.close()
    return measured


def _keep(weights: Weights, measured: Sequence[Measured], usual: Point, folder: Path) -> None:
    content = {
        "model": {"name": weights.name, "sha256": weights.sha256},
        "machine": asdict(this_machine()),
        "measured": [asdict(one) for one in measured],
    }
    write_json(folder / f"frontier-{weights.name}.json", content)
    table = _table(measured)
    (folder / f"frontier-{weights.name}.md").write_text(f"{table}\n", encoding="utf-8")
    plot(measured, usual, weights.name, folder / f"frontier-{weights.name}.svg")
    print(f"\nWhisper {weights.name}\n\n{table}", flush=True)


def _measure(engine: Engine, point: Point, name: str, cached: CachedWindows) -> Measured:
    recording, chunks = cached.recordings[name], cached.of(name, point.longest_s)
    started_s = time.process_time()
    transcripts = engine.transcribe(chunks, "en")
    cpu_s = time.process_time() - started_s
    text = " ".join(one.text for one in joined(list(zip(chunks, transcripts, strict=True))))
    errors = word_errors(recording.reference, text)
    return Measured(point, name, len(chunks), cpu_s / recording.duration_s, errors)


def _table(measured: Sequence[Measured]) -> str:
    """Render a row for each point; costs are means over the recordings."""
    recordings = dict.fromkeys(one.recording for one in measured)
    by_point: dict[Point, list[Measured]] = {}
    for one in measured:
        by_point.setdefault(one.point, []).append(one)
    knobs = ("longest s", "padding s", "bucket s", "guards", "hop", "sure from")
    return markdown(
        (*knobs, "CPU s/h", *recordings),
        [
            (
                str(point.longest_s),
                f"{point.padding_ms / 1000:g}",
                f"{point.bucket_ms / 1000:g}",
                "on" if point.guards else "off",
                str(point.hop_samples),
                str(point.sure_logprob),
                f"{3600 * sum(one.cost for one in several) / len(several):.1f}",
                *(str(one.errors) for one in several),
            )
            for point, several in by_point.items()
        ],
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.frontier", description=__doc__)
    parser.add_argument("--model", nargs="+", default=["tiny.en", "base"], help="default: both")
    parser.add_argument("--grid", action="store_true", help="every combination, which takes hours")
    parser.add_argument("--minutes", type=float, help="only the first minutes of each recording")
    parser.add_argument("--folder", type=Path, default=_RESULTS, help="where tables and plots go")
    return parser.parse_args()


if __name__ == "__main__":
    main()
