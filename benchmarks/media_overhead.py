"""What fetching over HTTP costs beside a local file: `python -m benchmarks.media_overhead`.

A wav is read chunk by chunk through fanscribe's own door, from a web server on the loopback
interface, and by plain ffmpeg from the file: decoded alone, and transcribed by a real Triton.
"""

import argparse
import asyncio
import os
import resource
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from functools import partial
from itertools import product
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Final

from prometheus_client import CollectorRegistry

from benchmarks.local_file import LocalFile
from benchmarks.machine import this_machine
from benchmarks.media_host import media_host
from benchmarks.media_readings import MACRO_S, REACH_S
from benchmarks.process_tree import machine_cpu_s
from benchmarks.table import markdown, write_json
from fanscribe.client.local_stack import LocalStack
from fanscribe.media.access import MediaAccess
from fanscribe.media.timeline import SAMPLE_RATE
from fanscribe.orchestrator.planner import MacroChunk
from fanscribe.splitter.chunker import MicroChunk
from fanscribe.splitter.connection import Connection
from fanscribe.splitter.metrics import SplitterMetrics
from fanscribe.splitter.settings import SplitterSettings
from fanscribe.splitter.transcription import ModelOptions, Transcriber, Transcript
from fanscribe.splitter.worker import Assignment, Balance, Worker
from tests.support.audio import joined_speech
from tests.support.policies import LOOPBACK
from tests.support.spans import Plan, extract_all, plan

# Of end-to-end throughput.
BOUND: Final = 0.05

_RESULTS: Final = Path(__file__).with_name("results") / "media_overhead.json"
_NAME: Final = "speech.wav"
_SLOTS: Final = 2
_LONGEST_MICRO_CHUNK_S: Final = 30
_ENGLISH: Final = ModelOptions("en", "transcribe", word_timestamps=False, initial_prompt="")
_HTTP: Final = "over HTTP"
_FILE: Final = "local file"
_HEADINGS: Final = ("", "runs", "wall s", "range", "CPU s", "CPU s of all")


@dataclass(frozen=True)
class Run:
    """One thing done once, over HTTP or from the local file."""

    what: str
    source: str
    wall_s: float
    cpu_s: float  # of this process and its ffmpegs; neither of the web server nor of Triton
    machine_cpu_s: float  # of all processes of the machine


class Contest:
    """Does the same things with the recording, over HTTP and from the file."""

    def __init__(self, path: Path, url: str, planned: Plan, transcriber: Transcriber) -> None:
        self._path = path
        self._url = url
        self._planned = planned
        self._transcriber = transcriber
        self._metrics = SplitterMetrics(CollectorRegistry())

    @asynccontextmanager
    async def media(self, source: str) -> AsyncIterator[MediaAccess]:
        """Open what reads the recording: a process does so once, not for every recording."""
        if source == _FILE:
            yield LocalFile(self._path, self._planned.recording)
            return
        async with MediaAccess(LOOPBACK) as access:
            yield access

    async def decode(self, media: MediaAccess) -> None:
        """Decode all chunks, one after the other."""
        await media.probe(self._url)
        await extract_all(media, self._planned)

    async def transcribe(self, media: MediaAccess) -> None:
        """Transcribe all chunks, as many at a time as a splitter has slots."""
        await media.probe(self._url)
        slots = asyncio.Semaphore(_SLOTS)
        worker = Worker(media, self._transcriber, self._metrics)
        async with asyncio.TaskGroup() as group:
            for chunk in self._planned.chunks:
                group.create_task(self._work(worker, chunk, slots))

    async def _work(self, worker: Worker, chunk: MacroChunk, slots: asyncio.Semaphore) -> None:
        assignment = Assignment(
            recording=self._planned.recording,
            span=chunk.span,
            to_end=chunk.to_end,
            anchor=chunk.anchor,
            longest_micro_chunk_s=_LONGEST_MICRO_CHUNK_S,
            options=_ENGLISH,
            received=frozenset(),
        )
        async with slots:
            await worker.work(assignment, Balance(chunk.span.end_sample), _forget)


async def _forget(_: MicroChunk, __: Transcript | None) -> None:
    """Take a text; what it says does not matter here."""


def main() -> None:
    """Run the benchmark; exits with 1 if fetching costs more than it may."""
    arguments = _arguments()
    with TemporaryDirectory(prefix="fanscribe-bench-") as temporary:
        folder = arguments.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / _NAME
        if not path.exists():
            joined_speech(path, arguments.minutes * 60)
        try:
            runs = asyncio.run(_runs(arguments, path))
        except KeyboardInterrupt:
            sys.exit(130)
    shares = _shares(runs)
    machine = this_machine()
    print(f"{machine.cpu}, {machine.cores} cores, {machine.time}.")
    print(f"{arguments.minutes:g} minutes of wav, model {arguments.model}.\n\n{_table(runs)}\n")
    for what, share in shares.items():
        print(f"{what}: {share:+.1%} (bound: {BOUND:.0%})")
    content = {
        "machine": asdict(machine),
        "minutes": arguments.minutes,
        "shares": shares,
        "runs": [asdict(run) for run in runs],
    }
    write_json(arguments.json, content)
    sys.exit(0 if all(share <= BOUND for share in shares.values()) else 1)


async def _runs(arguments: argparse.Namespace, path: Path) -> list[Run]:
    async with (
        media_host(path.parent) as host,
        MediaAccess(LOOPBACK) as access,
        LocalStack(model=arguments.model, splitters=1) as stack,
    ):
        recording = await access.probe(host.url(_NAME))
        planned = await plan(access, recording, MACRO_S * SAMPLE_RATE, REACH_S * SAMPLE_RATE)
        settings = SplitterSettings(inference_address=stack.inference.address)
        metrics = SplitterMetrics(CollectorRegistry())
        async with Connection(settings) as connection:
            transcriber = Transcriber(connection, settings, metrics)
            contest = Contest(path, host.url(_NAME), planned, transcriber)
            deeds = {"decoded": contest.decode, "transcribed": contest.transcribe}
            runs = []
            for number in range(arguments.runs + 1):
                # Each source goes first half of the time.
                sources = (_HTTP, _FILE) if number % 2 else (_FILE, _HTTP)
                for (what, do), source in product(deeds.items(), sources):
                    async with contest.media(source) as media:
                        runs.append(await _measured(what, source, partial(do, media)))
    # The first of each warms up.
    return runs[len(deeds) * 2 :]


async def _measured(what: str, source: str, do: Callable[[], Awaitable[None]]) -> Run:
    began_s, cpu_s, machine_s = time.perf_counter(), _cpu_s(), machine_cpu_s()
    await do()
    run = Run(
        what=what,
        source=source,
        wall_s=time.perf_counter() - began_s,
        cpu_s=_cpu_s() - cpu_s,
        machine_cpu_s=machine_cpu_s() - machine_s,
    )
    print(f"{what} {source}: {run.wall_s:.1f} s", file=sys.stderr, flush=True)
    return run


def _cpu_s() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def _shares(runs: list[Run]) -> dict[str, float]:
    """What fetching takes of end-to-end throughput, looked at in two ways."""

    def middle(what: str, source: str, measure: str) -> float:
        chosen = [run for run in runs if run.what == what and run.source == source]
        return median(float(getattr(run, measure)) for run in chosen)

    more_cpu_s = middle("decoded", _HTTP, "cpu_s") - middle("decoded", _FILE, "cpu_s")
    # As much of the machine as transcribing can use, whatever else it had to do meanwhile.
    all_cpu_s = middle("transcribed", _HTTP, "wall_s") * (os.cpu_count() or 1)
    slower = middle("transcribed", _HTTP, "wall_s") / middle("transcribed", _FILE, "wall_s")
    return {
        "CPU time that fetching adds, of all there is while transcribing": more_cpu_s / all_cpu_s,
        "throughput lost, from wall times of transcribing": 1 - 1 / slower,
    }


def _table(runs: list[Run]) -> str:
    rows = []
    for what, source in dict.fromkeys((run.what, run.source) for run in runs):
        chosen = [run for run in runs if (run.what, run.source) == (what, source)]
        walls_s = [run.wall_s for run in chosen]
        rows.append(
            (
                f"{what} {source}",
                str(len(chosen)),
                f"{median(walls_s):.2f}",
                f"{min(walls_s):.2f}-{max(walls_s):.2f}",
                f"{median(run.cpu_s for run in chosen):.2f}",
                f"{median(run.machine_cpu_s for run in chosen):.2f}",
            )
        )
    return markdown(_HEADINGS, rows)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.media_overhead", description=__doc__
    )
    parser.add_argument("--minutes", type=float, default=10, help="of speech (default: 10)")
    parser.add_argument("--runs", type=int, default=5, help="of each kind (default: 5)")
    parser.add_argument("--model", default="tiny.en", help="tiny.en (default), base, or a folder")
    parser.add_argument("--folder", type=Path, help="keeps the recording that was made")
    parser.add_argument("--json", type=Path, default=_RESULTS, help="file to write the results to")
    return parser.parse_args()


if __name__ == "__main__":
    main()
