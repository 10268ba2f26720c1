"""Works through one macro chunk: extract, cut, transcribe, report."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fanscribe.media.access import MediaAccess
from fanscribe.media.anchor import Anchor
from fanscribe.media.extraction import Extraction
from fanscribe.media.probe import Recording
from fanscribe.media.speech import SpeechDetector
from fanscribe.media.timeline import Span, samples_of_s
from fanscribe.runtime.tracing import span
from fanscribe.splitter.chunker import Chunker, MicroChunk
from fanscribe.splitter.metrics import SplitterMetrics
from fanscribe.splitter.seams import left_of_seam, right_of_seam, without_words
from fanscribe.splitter.transcription import ModelOptions, Transcript


class Model(Protocol):
    """What turns micro chunks into text; `transcription.Transcriber`."""

    @property
    def permits(self) -> asyncio.Semaphore:
        """Bounds what it works on: take one before `transcribe`, give it back after."""
        ...

    async def transcribe(
        self, audio: NDArray[np.int16], options: ModelOptions, speech: Sequence[Span] | None
    ) -> Transcript:
        """Transcribe mono 16 kHz samples, speech where told. Raises FanscribeError."""
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
    known_rest: Span | None = None  # all of whose text is known: there, the work is done

    def known_end_sample(self, chunk: MicroChunk) -> int | None:
        """Return where it all ends if nothing is missing from a micro chunk on, otherwise None."""
        rest = self.known_rest
        # If it continues another, that one's text depends on it.
        if rest is None or chunk.continues or chunk.span.start_sample < rest.start_sample:
            return None
        return rest.end_sample

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
            SpeechDetector,
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
            attempt = Attempt(self._model, self._metrics, assignment, report, group)
            try:
                async with aclosing(_micro_chunks(audio, chunker)) as chunks:
                    async for chunk in chunks:
                        known_end_sample = assignment.known_end_sample(chunk)
                        balance.end_sample = known_end_sample or chunk.span.end_sample
                        if known_end_sample is not None:
                            break
                        await attempt.begin(chunk)
            finally:
                balance.bytes_fetched = audio.bytes_fetched
                balance.warnings.extend(audio.warnings)
                self._metrics.bytes_fetched.inc(audio.bytes_fetched)


async def _micro_chunks(audio: Extraction, chunker: Chunker) -> AsyncGenerator[MicroChunk, None]:
    async for block in audio:
        for chunk in await asyncio.to_thread(chunker.feed, block):
            yield chunk
    for chunk in await asyncio.to_thread(chunker.finish):
        yield chunk


class _Piece:
    """A micro chunk whose text is being made, and the one after it if it was cut in speech."""

    def __init__(self, chunk: MicroChunk) -> None:
        self.chunk = chunk
        loop = asyncio.get_running_loop()
        self.transcript: asyncio.Future[Transcript] = loop.create_future()
        self.following: asyncio.Future[_Piece] = loop.create_future()

    async def heard(self) -> tuple[MicroChunk, Transcript]:
        """Return the chunk with its text, as the model made it, once it has."""
        return self.chunk, await self.transcript


class Attempt:
    """The micro chunks of one macro chunk, from their audio to the report of their text."""

    def __init__(
        self,
        model: Model,
        metrics: SplitterMetrics,
        assignment: Assignment,
        report: Report,
        group: asyncio.TaskGroup,
    ) -> None:
        self._model = model
        self._metrics = metrics
        self._assignment = assignment
        self._report = report
        self._group = group
        self._last: _Piece | None = None

    async def begin(self, chunk: MicroChunk) -> None:
        """Start on a micro chunk; waits only until there is room for it."""
        self._metrics.audio_seconds.inc(chunk.span.samples / samples_of_s(1))
        # The text of its neighbour depends on one that overlaps, even if its own is known.
        if self._known(chunk) and not chunk.overlaps:
            self._metrics.micro_chunks.labels("kept").inc()
        elif not len(chunk.audio):
            self._metrics.micro_chunks.labels("silent").inc()
            await self._report(chunk, None)
        else:
            await self._model.permits.acquire()
            piece = _Piece(chunk)
            before = self._last if chunk.continues else None
            if before is not None:
                before.following.set_result(piece)
            self._last = piece
            self._group.create_task(self._transcribe(piece, before))

    def _known(self, chunk: MicroChunk) -> bool:
        return chunk.span.start_sample in self._assignment.received

    async def _transcribe(self, piece: _Piece, before: _Piece | None) -> None:
        async with AsyncExitStack() as permit:
            permit.callback(self._model.permits.release)
            with (
                self._metrics.inference_in_flight.track_inprogress(),
                span("micro chunk", samples=len(piece.chunk.audio)),
            ):
                piece.transcript.set_result(await self._text(piece.chunk))
            if piece.chunk.cut_in_speech:
                # It waits for the next one, which needs a permit itself.
                await permit.aclose()
            if self._known(piece.chunk):
                self._metrics.micro_chunks.labels("kept").inc()
                return
            transcript = await self._joined(piece, before)
            self._metrics.micro_chunks.labels("text" if transcript.segments else "empty").inc()
            await self._report(piece.chunk, transcript)

    async def _text(self, chunk: MicroChunk) -> Transcript:
        while True:
            asked = self._assignment.options
            # Texts are joined word by word.
            options = replace(asked, word_timestamps=True) if chunk.overlaps else asked
            transcript = await self._model.transcribe(chunk.audio, options, chunk.speech)
            decided = self._assignment.options.language
            # Otherwise the language was decided meanwhile, and it is another one.
            if decided in {asked.language, transcript.language}:
                return transcript

    async def _joined(self, piece: _Piece, before: _Piece | None) -> Transcript:
        """Return the text of a piece without what its neighbours have of it."""
        chunk, transcript = await piece.heard()
        languages = {transcript.language}
        if before is not None:
            left = await before.heard()
            languages.add(left[1].language)
            transcript = right_of_seam(left, (chunk, transcript))
        if chunk.cut_in_speech:
            after = await piece.following
            right = await after.heard()
            languages.add(right[1].language)
            transcript = left_of_seam((chunk, transcript), right)
        if not self._assignment.options.word_timestamps:
            transcript = without_words(transcript)
        return replace(transcript, joined_languages=frozenset(languages - {transcript.language}))
