"""Works through one macro chunk: extract, cut, transcribe, report."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fanscribe.media.access import MediaAccess
from fanscribe.media.anchor import Anchor
from fanscribe.media.probe import Recording
from fanscribe.media.speech import SpeechDetector
from fanscribe.media.timeline import Span, samples_of_s
from fanscribe.runtime.tracing import span
from fanscribe.splitter.chunker import Chunker, MicroChunk
from fanscribe.splitter.metrics import SplitterMetrics
from fanscribe.splitter.transcription import ModelOptions, Transcript


class Model(Protocol):
    """What turns micro chunks into text; `transcription.Transcriber`."""

    @property
    def permits(self) -> asyncio.Semaphore:
        """Bounds what it works on: take one before `transcribe`, give it back after."""
        ...

    async def transcribe(self, audio: NDArray[np.int16], options: ModelOptions) -> Transcript:
        """Transcribe mono 16 kHz samples. Raises FanscribeError."""
        ...


@dataclass(kw_only=True)
class Assignment:
    """A macro chunk to work on. Its language may be decided while it is worked on."""

    recording: Recording
    span: Span
    to_end: bool
    longest_micro_chunk_s: int
    options: ModelOptions
    # Start samples of micro chunks whose text is known from an earlier attempt.
    received: frozenset[int]
    anchor: Anchor | None = None  # where decoding may begin, if the orchestrator has found it

    def decide_language(self, language: str) -> None:
        """Fix the language of everything that is not reported yet, an ISO 639-1 code."""
        self.options = replace(self.options, language=language)


@dataclass
class Balance:
    """What an attempt has cost and found so far; filled as it runs, so that failures tell too."""

    end_sample: int
    bytes_fetched: int = 0
    warnings: list[str] = field(default_factory=list)


Report = Callable[[MicroChunk, Transcript | None], Awaitable[None]]


class Worker:
    """Turns macro chunks into text. Holds nothing of any chunk between calls."""

    def __init__(self, media: MediaAccess, model: Model, metrics: SplitterMetrics) -> None:
        self._media = media
        self._model = model
        self._metrics = metrics

    async def work(self, assignment: Assignment, balance: Balance, report: Report) -> None:
        """Report every micro chunk of the assignment, silence with None, as soon as it is known.

        Memory is bounded by the micro chunks in flight: the recording is read no faster than Triton
        takes them. Raises FanscribeError.
        """
        chunker = Chunker(
            SpeechDetector(),
            assignment.span.start_sample,
            samples_of_s(assignment.longest_micro_chunk_s),
        )
        extraction = self._media.extract(
            assignment.recording,
            assignment.span,
            to_end=assignment.to_end,
            anchor=assignment.anchor,
        )
        async with asyncio.TaskGroup() as group, extraction as audio:
            try:
                async for block in audio:
                    for chunk in await asyncio.to_thread(chunker.feed, block):
                        await self._begin(chunk, assignment, balance, report, group)
                for chunk in await asyncio.to_thread(chunker.finish):
                    await self._begin(chunk, assignment, balance, report, group)
            finally:
                balance.bytes_fetched = audio.bytes_fetched
                balance.warnings.extend(audio.warnings)
                self._metrics.bytes_fetched.inc(audio.bytes_fetched)

    async def _begin(
        self,
        chunk: MicroChunk,
        assignment: Assignment,
        balance: Balance,
        report: Report,
        group: asyncio.TaskGroup,
    ) -> None:
        """Start on a micro chunk; waits only until there is room for it."""
        balance.end_sample = chunk.span.end_sample
        self._metrics.audio_seconds.inc(chunk.span.samples / samples_of_s(1))
        if chunk.span.start_sample in assignment.received:
            self._metrics.micro_chunks.labels("kept").inc()
        elif not len(chunk.audio):
            self._metrics.micro_chunks.labels("silent").inc()
            await report(chunk, None)
        else:
            await self._model.permits.acquire()
            task = group.create_task(self._transcribe(chunk, assignment, report))
            task.add_done_callback(lambda _: self._model.permits.release())

    async def _transcribe(self, chunk: MicroChunk, assignment: Assignment, report: Report) -> None:
        with (
            self._metrics.inference_in_flight.track_inprogress(),
            span("micro chunk", samples=len(chunk.audio)),
        ):
            asked = assignment.options
            transcript = await self._model.transcribe(chunk.audio, asked)
            options = assignment.options
            if options is not asked and transcript.language != options.language:
                # The language was decided meanwhile, and it is another one.
                transcript = await self._model.transcribe(chunk.audio, options)
        self._metrics.micro_chunks.labels("text" if transcript.segments else "empty").inc()
        await report(chunk, transcript)
