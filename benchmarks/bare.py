"""The bare CTranslate2 peer: the windows that fanscribe cuts, and its engine; no server."""

import asyncio
import time
from collections.abc import Sequence
from operator import itemgetter
from pathlib import Path

from benchmarks.engine import Engine
from benchmarks.joining import joined
from benchmarks.peer import MULTI, Options, Transcription
from benchmarks.windows import planned_windows
from fanscribe.splitter.chunker import MicroChunk


async def transcribe(engine: Engine, path: Path, options: Options) -> Transcription:
    """Cut the whole recording, then decode; tells in `details` how long each took."""
    started_s = time.perf_counter()
    chunks = await planned_windows(path)
    cut_s = time.perf_counter()
    language = options.language or await _language(engine, chunks[:1])
    order = _by_length(chunks)
    transcripts = await asyncio.to_thread(
        engine.transcribe,
        [chunks[index] for index in order],
        "" if language == MULTI else language,
        word_timestamps=options.word_timestamps,
    )
    in_time = [
        transcript
        for _, transcript in sorted(zip(order, transcripts, strict=True), key=itemgetter(0))
    ]
    details = {
        "windows": len(chunks),
        "cutting_s": cut_s - started_s,
        "engines_s": time.perf_counter() - cut_s,
    }
    segments = joined(list(zip(chunks, in_time, strict=True)))
    return Transcription(tuple(segments), language, details)


async def _language(engine: Engine, first: Sequence[MicroChunk]) -> str:
    """Return the only language there is, or the one that the first micro chunk is in."""
    if engine.only_language or not first:
        return engine.only_language
    return (await asyncio.to_thread(engine.transcribe, first))[0].language


def _by_length(chunks: Sequence[MicroChunk]) -> list[int]:
    """Longest first: windows of one size come together, and the shortest one is the last to end."""
    return sorted(range(len(chunks)), key=lambda index: -len(chunks[index].audio))
