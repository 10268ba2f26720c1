"""What is compared. `python -m benchmarks.peers` runs one of them for benchmarks.measuring.

Each peer imports what it needs when it starts, so that its process holds nothing of the others.
"""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, TypeAlias

_SPLITTERS = 2
_BATCH_SIZE = 8
_COMPUTE_TYPE = "int8"


@dataclass(frozen=True)
class Transcription:
    """What a peer returned: the text, and whatever else it told."""

    text: str
    details: dict[str, Any] = field(default_factory=dict)


Transcribe: TypeAlias = Callable[[Path], Awaitable[Transcription]]
# Loads the model of this name, and gives what transcribes with it.
Peer: TypeAlias = Callable[[str], AbstractAsyncContextManager[Transcribe]]


@asynccontextmanager
async def fanscribe(model: str) -> AsyncIterator[Transcribe]:
    """All of fanscribe, as its defaults are; the client serves the recording over HTTP."""
    from fanscribe.client.client import Client  # noqa: PLC0415
    from fanscribe.client.file_server import served_file  # noqa: PLC0415
    from fanscribe.client.local_stack import LocalStack  # noqa: PLC0415

    # There is a stack to be stopped. The other peers just end.
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    async with (
        LocalStack(model=model, splitters=_SPLITTERS) as stack,
        Client(stack.address) as client,
    ):

        async def transcribe(path: Path) -> Transcription:
            async with served_file(path) as url:
                transcript = await client.transcript(url)
            return Transcription(transcript.text, asdict(transcript.completed))

        yield transcribe


@asynccontextmanager
async def faster_whisper_batched(model: str) -> AsyncIterator[Transcribe]:
    """faster-whisper's batched pipeline, greedy; for the rest its defaults."""
    from faster_whisper import BatchedInferencePipeline  # noqa: PLC0415

    pipeline = BatchedInferencePipeline(_faster_whisper_model(model))

    async def transcribe(path: Path) -> Transcription:
        segments, info = pipeline.transcribe(str(path), batch_size=_BATCH_SIZE, beam_size=1)
        return _joined(segments, info)

    yield transcribe


@asynccontextmanager
async def faster_whisper_sequential(model: str) -> AsyncIterator[Transcribe]:
    """faster-whisper as it comes: five beams, fallback temperatures, one window at a time."""
    whisper = _faster_whisper_model(model)

    async def transcribe(path: Path) -> Transcription:
        segments, info = whisper.transcribe(str(path))
        return _joined(segments, info)

    yield transcribe


PEERS: Final[dict[str, Peer]] = {
    "fanscribe": fanscribe,
    "faster-whisper batched": faster_whisper_batched,
    "faster-whisper sequential": faster_whisper_sequential,
}


def _faster_whisper_model(model: str) -> Any:
    from faster_whisper import WhisperModel  # noqa: PLC0415

    from fanscribe.inference.settings import InferenceSettings  # noqa: PLC0415
    from fanscribe.inference.weights import resolve_weights  # noqa: PLC0415

    return WhisperModel(
        str(resolve_weights(model, InferenceSettings().cache_dir)),
        device="cpu",
        compute_type=_COMPUTE_TYPE,
        cpu_threads=len(os.sched_getaffinity(0)),
    )


def _joined(segments: Any, info: Any) -> Transcription:
    # Transcribing happens as the segments are drawn.
    text = " ".join(segment.text.strip() for segment in segments)
    return Transcription(text, {"language": info.language})


async def _run(name: str, model: str, warm_up: Path, recording: Path) -> None:
    """Load, warm up, say so; at a line on standard input transcribe; at its end leave."""
    # Whatever libraries print must not get between the answers.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    def answer(**fields: object) -> None:
        print(json.dumps(fields), file=answers, flush=True)

    async with PEERS[name](model) as transcribe:
        # So many at a time that every splitter gets one.
        await asyncio.gather(*(transcribe(warm_up) for _ in range(_SPLITTERS)))
        answer(ready=True)
        if not await asyncio.to_thread(sys.stdin.readline):
            return
        started_s = time.perf_counter()
        transcription = await transcribe(recording)
        wall_s = time.perf_counter() - started_s
        answer(wall_s=wall_s, text=transcription.text, details=transcription.details)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    try:
        asyncio.run(_run(sys.argv[1], sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4])))
    except asyncio.CancelledError:
        sys.exit(128 + signal.SIGTERM)
