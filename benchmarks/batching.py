"""How well windows of several jobs share batches: `python -m benchmarks.batching`."""

import argparse
import asyncio
import sys
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
from tritonclient.grpc.aio import InferenceServerClient

from benchmarks.checks import Check, checks_table
from benchmarks.fanscribe_peers import SPLITTERS
from benchmarks.machine import this_machine
from benchmarks.recordings import RecordingError, default_recording
from benchmarks.table import markdown, write_json
from benchmarks.weights import find_weights
from fanscribe.client.client import Client
from fanscribe.client.errors import TranscriptionError
from fanscribe.client.file_server import served_file
from fanscribe.client.local_stack import LocalStack
from fanscribe.client.service_process import LocalStackError
from fanscribe.inference.errors import SetupError
from fanscribe.inference.settings import InferenceSettings
from fanscribe.media.timeline import SAMPLE_RATE
from tests.support.audio import decode, write_wav
from tests.support.metrics import scrape
from tests.support.triton import transcribe

_RESULTS: Final = Path(__file__).with_name("results") / "batching.json"
_MEAN_BATCH: Final = 4.0
_LONE_REQUESTS: Final = 10
_LONE_S: Final = 5.0
# Beyond the queue delay: the scheduler's own time, on a machine that does other things too.
_LONE_MARGIN_MS: Final = 20.0


@dataclass(frozen=True)
class Counts:
    """Triton's counters of the model `whisper`."""

    windows: float
    executions: float
    queued_ms: float  # sum over all windows

    def since(self, earlier: "Counts") -> "Counts":
        """What was added."""
        return Counts(
            self.windows - earlier.windows,
            self.executions - earlier.executions,
            self.queued_ms - earlier.queued_ms,
        )

    @property
    def mean_batch(self) -> float:
        """Windows computed together, on average."""
        return self.windows / self.executions if self.executions else 0.0

    @property
    def mean_queued_ms(self) -> float:
        """How long a window waited, on average."""
        return self.queued_ms / self.windows if self.windows else 0.0


def main() -> None:
    """Run the benchmark; exits with 1 if a bound is missed."""
    arguments = _arguments()
    try:
        with TemporaryDirectory(prefix="fanscribe-batching-") as folder:
            checks = asyncio.run(_benchmark(arguments, Path(folder)))
    except (LocalStackError, RecordingError, SetupError, TranscriptionError) as error:
        sys.exit(f"benchmark: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
    print(f"\n{checks_table(checks)}")
    if not (arguments.no_bounds or all(check.holds for check in checks)):
        sys.exit("benchmark: not all bounds hold, see the table")


async def _benchmark(arguments: argparse.Namespace, folder: Path) -> list[Check]:
    weights = find_weights(arguments.model)
    parts = await asyncio.to_thread(_parts, folder, arguments.jobs, arguments.minutes)
    async with (
        LocalStack(model=str(weights.folder), splitters=SPLITTERS) as stack,
        Client(stack.address) as client,
    ):
        before = await _counts(stack)
        await _together(client, parts)
        loaded = (await _counts(stack)).since(before)
        waits_ms = [await _lone_wait_ms(stack, parts[0]) for _ in range(_LONE_REQUESTS)]
    rows = [
        (
            f"{arguments.jobs} jobs at a time",
            f"{loaded.windows:.0f}",
            f"{loaded.executions:.0f}",
            f"{loaded.mean_batch:.2f}",
            f"{loaded.mean_queued_ms:.0f}",
        ),
        ("one window at a time", str(_LONE_REQUESTS), "", "", f"{max(waits_ms):.1f} at most"),
    ]
    headings = ("", "windows", "executions", "mean batch", "queued ms")
    print(f"Whisper {weights.name}, {SPLITTERS} splitters\n\n{markdown(headings, rows)}")
    delay_ms = InferenceSettings().queue_delay_ms
    checks = [
        Check("mean batch", loaded.mean_batch, _MEAN_BATCH, "over"),
        Check(
            f"wait of a window while Triton idles, ms (queue delay {delay_ms})",
            max(waits_ms),
            delay_ms + _LONE_MARGIN_MS,
            "max",
        ),
    ]
    content = {
        "machine": asdict(this_machine()),
        "model": weights.name,
        "jobs": arguments.jobs,
        "loaded": {**asdict(loaded), "mean_batch": loaded.mean_batch},
        "lone_waits_ms": waits_ms,
        "checks": [check.to_json() for check in checks],
    }
    write_json(arguments.json, content)
    return checks


def _parts(folder: Path, jobs: int, minutes: float) -> list[Path]:
    """Cut the long recording into as many different ones as there are jobs."""
    samples = decode(default_recording(folder).path)
    length = min(len(samples) // jobs, round(60 * minutes * SAMPLE_RATE))
    return [
        write_wav(folder / f"part_{number}.wav", samples[number * length : (number + 1) * length])
        for number in range(jobs)
    ]


async def _together(client: Client, parts: list[Path]) -> None:
    """Transcribe all at the same time."""
    async with AsyncExitStack() as stack:
        urls = [await stack.enter_async_context(served_file(part)) for part in parts]
        async with asyncio.TaskGroup() as group:
            for url in urls:
                group.create_task(client.transcript(url))


async def _lone_wait_ms(stack: LocalStack, recording: Path) -> float:
    """Send one window to a Triton that does nothing else; returns how long it was queued."""
    samples = await asyncio.to_thread(decode, recording)
    before = await _counts(stack)
    async with InferenceServerClient(stack.inference.address) as client:
        await transcribe(client, np.ascontiguousarray(samples[: round(_LONE_S * SAMPLE_RATE)]))
    return (await _counts(stack)).since(before).mean_queued_ms


async def _counts(stack: LocalStack) -> Counts:
    page = await scrape(stack.inference.metrics_address)

    def total(name: str) -> float:
        # Triton's counters have no suffix; the parser adds the one that they should have.
        return max(page.total(name, model="whisper"), page.total(f"{name}_total", model="whisper"))

    return Counts(
        total("nv_inference_count"),
        total("nv_inference_exec_count"),
        total("nv_inference_queue_duration_us") / 1000,
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.batching", description=__doc__)
    parser.add_argument("--model", default="tiny.en", help="tiny.en (default), base, or a folder")
    parser.add_argument("--jobs", type=int, default=8, help="jobs at a time (default: 8)")
    parser.add_argument(
        "--minutes", type=float, default=3, help="of each job, at most (default: 3)"
    )
    parser.add_argument("--no-bounds", action="store_true", help="exit with 0 if a bound is missed")
    parser.add_argument("--json", type=Path, default=_RESULTS, help="file to write the results to")
    return parser.parse_args()


if __name__ == "__main__":
    main()
