"""Engines side by side, one a core, each in a process of its own: the bare CTranslate2 peer."""

import asyncio
import math
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from benchmarks.engine import Engine, batches, segments_of
from benchmarks.peer import MULTI, Options, Segment, Transcription
from benchmarks.windows import Cut, planned_windows
from fanscribe.inference.settings import InferenceSettings

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
        cuts = await planned_windows(path)
        cut_s = time.perf_counter()
        groups = list(batches(_by_length(cuts), _batch_size(len(cuts))))
        language = "" if options.language == MULTI else options.language
        asked = {"language": language, "word_timestamps": options.word_timestamps}
        loop = asyncio.get_running_loop()
        answers = await asyncio.gather(
            *(loop.run_in_executor(self._pool, _transcribe, group, asked) for group in groups)
        )
        segments = sorted(
            (segment for answer in answers for segment in answer),
            key=lambda segment: segment.start_ms,
        )
        details = {
            "windows": len(cuts),
            "cutting_s": cut_s - started_s,
            "engines_s": time.perf_counter() - cut_s,
        }
        languages = Counter(segment.language for segment in segments).most_common(1)
        return Transcription(tuple(segments), languages[0][0] if languages else "", details)


def _by_length(cuts: list[Cut]) -> list[Cut]:
    """Longest first: batches of windows of one size, and the shortest one is the last to end."""
    return sorted(cuts, key=lambda cut: -len(cut.samples))


def _batch_size(windows: int) -> int:
    """Size that gives every engine as many batches as every other, none above what Triton does."""
    engines = _SETTINGS.effective_instances
    rounds = math.ceil(windows / (engines * _SETTINGS.max_batch_size))
    return max(1, math.ceil(windows / max(1, engines * rounds)))


def _load(weights: Path) -> None:
    global _engine  # noqa: PLW0603  a worker process has nowhere else to keep it
    _engine = Engine(weights, bucket_ms=_SETTINGS.bucket_ms)


def _transcribe(cuts: Sequence[Cut], options: dict[str, Any]) -> list[Segment]:
    results = _engine.transcribe(cuts, **options)
    return [
        segment
        for cut, result in zip(cuts, results, strict=True)
        for segment in segments_of(cut, result)
    ]
