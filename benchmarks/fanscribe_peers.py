"""fanscribe itself, and its engine without any server."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Final

from benchmarks.peer import Options, Segment, Transcribe, Transcription, Word

SPLITTERS: Final = 2


@asynccontextmanager
async def fanscribe(weights: Path) -> AsyncIterator[Transcribe]:
    """All of fanscribe, as its defaults are; the client serves the recording over HTTP."""
    from fanscribe.client import options as client_options  # noqa: PLC0415
    from fanscribe.client.client import Client  # noqa: PLC0415
    from fanscribe.client.file_server import served_file  # noqa: PLC0415
    from fanscribe.client.local_stack import LocalStack  # noqa: PLC0415

    # There is a stack to be stopped. The other peers just end.
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    async with (
        LocalStack(model=str(weights), splitters=SPLITTERS) as stack,
        Client(stack.address) as client,
    ):

        async def transcribe(path: Path, options: Options) -> Transcription:
            async with served_file(path) as url:
                transcript = await client.transcript(url, client_options.Options(**asdict(options)))
            segments = [
                Segment(
                    segment.start_ms,
                    segment.end_ms,
                    segment.text,
                    segment.language,
                    tuple(Word(word.start_ms, word.end_ms, word.text) for word in segment.words),
                )
                for segment in transcript.segments
            ]
            completed = transcript.completed
            return Transcription(tuple(segments), completed.language, asdict(completed))

        yield transcribe


@asynccontextmanager
async def bare_ctranslate2(weights: Path) -> AsyncIterator[Transcribe]:
    """The windows that fanscribe cuts, decoded by its engine; no Triton, gRPC or splitter."""
    from benchmarks import bare  # noqa: PLC0415
    from benchmarks.engine import Engine, Knobs  # noqa: PLC0415

    engine = Engine(weights, Knobs())

    async def transcribe(path: Path, options: Options) -> Transcription:
        return await bare.transcribe(engine, path, options)

    try:
        yield transcribe
    finally:
        engine.close()
