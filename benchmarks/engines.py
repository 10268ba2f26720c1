"""Engines side by side, one a core, each in a process of its own: the bare CTranslate2 peer."""

import asyncio
import math
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from operator import itemgetter
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from benchmarks.engine import Engine, Knobs, batches
from benchmarks.joining import joined
from benchmarks.peer import MULTI, Options, Transcription
from benchmarks.windows import planned_windows
from fanscribe.inference.settings import InferenceSettings
from fanscribe.splitter.chunker import MicroChunk
from fanscribe.splitter.transcription import Transcript

_SETTINGS: Final = InferenceSettings()

_engine: Engine


class Engines:
    """As many engines as Triton has instances by default; a context manager."""

    def __init__(self, weights: Path) -> None:
        self._pool = ProcessPoolExecutor(
            _SETTINGS.effective_instances,
            mp_context=get_context("spawn"),
            initializer=_load,
            initargs=(weights,),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pool.shutdown(cancel_futures=True)

    async def transcribe(self, path: Path, options: Options) -> Transcription:
        """Cut the whole recording, then decode; tells in `details` how long each took."""
        started_s = time.perf_counter()
        chunks = await planned_windows(path)
        cut_s = time.perf_counter()
        language = options.language or await self._language(chunks[:1])
        order = _by_length(chunks)
        told = "" if language == MULTI else language
        transcripts = await self._decoded(
            [chunks[index] for index in order], told, words=options.word_timestamps
        )
        in_time = [
            transcript
            for _, transcript in sorted(zip(order, transcripts, strict=True), key=itemgetter(0))
        ]
        segments = joined(list(zip(chunks, in_time, strict=True)))
        details = {
            "windows": len(chunks),
            "cutting_s": cut_s - started_s,
            "engines_s": time.perf_counter() - cut_s,
        }
        return Transcription(tuple(segments), language, details)

    async def _language(self, first: Sequence[MicroChunk]) -> str:
        """Return the only language there is, or the one that the first micro chunk is in."""
        only = await asyncio.get_running_loop().run_in_executor(self._pool, _only_language)
        if only or not first:
            return only
        return (await self._decoded(first, "", words=False))[0].language

    async def _decoded(
        self, chunks: Sequence[MicroChunk], language: str, *, words: bool
    ) -> list[Transcript]:
        """Decode micro chunks, batches side by side."""
        loop = asyncio.get_running_loop()
        answers = await asyncio.gather(
            *(
                loop.run_in_executor(self._pool, _transcribe, batch, language, words)
                for batch in batches(chunks, _batch_size(len(chunks)))
            )
        )
        return [transcript for answer in answers for transcript in answer]


def _by_length(chunks: Sequence[MicroChunk]) -> list[int]:
    """Longest first: batches of windows of one size, and the shortest one is the last to end."""
    return sorted(range(len(chunks)), key=lambda index: -len(chunks[index].audio))


def _batch_size(windows: int) -> int:
    """Size that gives every engine as many batches as every other, none above what Triton does."""
    engines = _SETTINGS.effective_instances
    rounds = math.ceil(windows / (engines * _SETTINGS.max_batch_size))
    return max(1, math.ceil(windows / max(1, engines * rounds)))


def _load(weights: Path) -> None:
    global _engine  # noqa: PLW0603  a worker process has nowhere else to keep it
    _engine = Engine(weights, Knobs())


def _only_language() -> str:
    return _engine.only_language


def _transcribe(chunks: Sequence[MicroChunk], language: str, words: bool) -> list[Transcript]:
    return _engine.transcribe(chunks, language, word_timestamps=words)
