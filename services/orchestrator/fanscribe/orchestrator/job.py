"""One call, from its URL to its last event."""

import asyncio
import logging
import time
from dataclasses import dataclass, replace
from typing import Final

from fanscribe.media.access import MediaAccess
from fanscribe.media.headers import RequestHeaders
from fanscribe.media.recording import Recording
from fanscribe.media.streams import StreamChoice
from fanscribe.media.timeline import samples_of_s
from fanscribe.orchestrator.assembly import Assembly, Gain
from fanscribe.orchestrator.caveats import caveats
from fanscribe.orchestrator.events import Completed, Event, Planned, Progressed, Told
from fanscribe.orchestrator.ledger import Ledger, MicroResult, TextSegment
from fanscribe.orchestrator.lookahead import Lookahead
from fanscribe.orchestrator.metrics import OrchestratorMetrics
from fanscribe.orchestrator.options import Options
from fanscribe.orchestrator.planner import MacroChunk, Planner, macro_chunks
from fanscribe.orchestrator.scheduler import Scheduler
from fanscribe.orchestrator.work import ChunkOrder
from fanscribe.runtime.errors import FanscribeError, Reason
from fanscribe.runtime.streams import Emit
from fanscribe.runtime.tracing import carrier, span

_log = logging.getLogger(__name__)

# Progress is told no more and no less often than this, while there is any.
_PROGRESS_AT_MOST_EVERY_S: Final = 0.25
_PROGRESS_AT_LEAST_EVERY_S: Final = 1.0


@dataclass(frozen=True)
class Parts:
    """What every job works with."""

    media: MediaAccess
    planner: Planner
    scheduler: Scheduler
    metrics: OrchestratorMetrics
    splitter_wait_s: float
    planned_chunks: int  # of one job that wait for a splitter


class TranscriptionJob:
    """Probes, plans, follows the work of the splitters and emits events."""

    def __init__(
        self,
        job_id: str,
        parts: Parts,
        url: str,
        *,
        headers: RequestHeaders,
        options: Options,
        deadline_s: float | None,
    ) -> None:
        """`deadline_s` is a time of `time.monotonic()`; None: no deadline."""
        self.job_id = job_id
        self._parts = parts
        self._url = url
        self._headers = headers
        self._options = options
        self._deadline_s = deadline_s
        self._began_s = time.monotonic()
        self._news = asyncio.Event()
        self._freed: list[TextSegment] = []
        self._failure: FanscribeError | None = None
        self._bytes_fetched = 0
        self._attempts = 0
        self._told = 0
        self._warnings: dict[str, None] = {}  # in order, each once
        self._lookahead = Lookahead(parts.planned_chunks)

    async def run(self, emit: Emit[Event]) -> None:
        """Emit `Planned`, then progress and text, then `Completed`. Raises FanscribeError."""
        stages = self._parts.metrics.stage_seconds
        self._trace_context = carrier()
        with stages.labels("job").time():
            with stages.labels("probe").time(), span("probe"):
                choice = StreamChoice(self._options.audio_stream, self._options.audio_language)
                async with self._parts.planner.looks:
                    self._recording = await self._parts.media.probe(
                        self._url, self._headers, choice
                    )
            self._parts.metrics.recordings.labels(self._recording.strategy).inc()
            self._ledger = Ledger(self._recording.duration_samples)
            self._assembly = Assembly(self._ledger, self._options.language)
            macro_samples = samples_of_s(self._options.macro_chunk_s)
            self._chunks = macro_chunks(self._recording.duration_samples, macro_samples)
            self._warnings.update(dict.fromkeys(caveats(self._recording, self._chunks)))
            if self._recording.is_sequential:
                self._chunks = 1
            await emit(Planned(self.job_id, self._recording, self._options, self._chunks))
            self._parts.scheduler.admit(self)
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._plan(self._recording, macro_samples))
                    await self._follow(emit)
            finally:
                self._parts.scheduler.remove(self)
            await emit(self._completed())

    async def _plan(self, recording: Recording, macro_samples: int) -> None:
        async def found(chunk: MacroChunk) -> None:
            self._ledger.planned(chunk)
            # It was an estimate, if the container does not tell how long it is.
            planned = chunk.index + 1
            self._chunks = planned if chunk.to_end else max(self._chunks, planned + 1)
            self._lookahead.planned(chunk.index)
            self._parts.scheduler.submit(self, chunk)
            await self._lookahead.room()

        await self._parts.planner.plan(recording, macro_samples, found, self._fetched)

    async def _follow(self, emit: Emit[Event]) -> None:
        """Tell news as they come, until all text is told or the job has failed."""
        last_progress_s = 0.0
        last_splitter_s = time.monotonic()
        while True:
            try:
                async with asyncio.timeout(_PROGRESS_AT_LEAST_EVERY_S):
                    await self._news.wait()
            except TimeoutError:
                pass  # nothing new: tell the time
            self._news.clear()
            if self._failure is not None:
                raise self._failure
            # Before the text is told: while a slow caller takes it, more may become known.
            complete = self._ledger.complete
            await self._tell_text(emit)
            now_s = time.monotonic()
            if complete or now_s - last_progress_s >= _PROGRESS_AT_MOST_EVERY_S:
                last_progress_s = now_s
                await emit(self._progress())
            if complete:
                return
            if self._parts.scheduler.splitters:
                last_splitter_s = now_s
            elif now_s - last_splitter_s >= self._parts.splitter_wait_s:
                raise FanscribeError(
                    Reason.SPLITTERS_UNAVAILABLE,
                    f"no splitter has been connected for {self._parts.splitter_wait_s:.0f} s; "
                    "try again later",
                )

    async def _tell_text(self, emit: Emit[Event]) -> None:
        freed, self._freed = self._freed, []
        for segment in freed:
            if self._told == 0:
                first_text = self._parts.metrics.stage_seconds.labels("first_text")
                first_text.observe(time.monotonic() - self._began_s)
            await emit(Told(self._told, segment))
            self._told += 1

    def _progress(self) -> Progressed:
        return Progressed(
            done_samples=self._ledger.done_samples,
            duration_samples=max(self._ledger.duration_samples, self._ledger.done_samples),
            elapsed_s=time.monotonic() - self._began_s,
            chunks_done=self._ledger.chunks_done,
            chunks_running=self._parts.scheduler.running_chunks(self),
            chunks=self._chunks,
        )

    def _completed(self) -> Completed:
        ledger = self._ledger
        return Completed(
            duration_samples=ledger.duration_samples,
            elapsed_s=time.monotonic() - self._began_s,
            bytes_fetched=self._bytes_fetched,
            language=ledger.language,
            segments=self._told,
            macro_chunks=self._chunks,
            macro_chunk_attempts=self._attempts,
            transcribed_samples=ledger.transcribed_samples,
            speech_samples=ledger.speech_samples,
            wordless_speech_samples=ledger.wordless_speech_samples,
            warnings=tuple(self._warnings),
        )

    def _fetched(self, bytes_fetched: int) -> None:
        self._bytes_fetched += bytes_fetched
        self._parts.metrics.bytes_fetched.inc(bytes_fetched)

    # What the scheduler and the splitters ask and tell

    def order(self, chunk: MacroChunk) -> ChunkOrder:
        """What a splitter must know to do `chunk` now."""
        self._attempts += 1
        self._lookahead.dispatched(chunk.index)
        left_s = None if self._deadline_s is None else self._deadline_s - time.monotonic()
        return ChunkOrder(
            recording=self._recording,
            options=replace(self._options, language=self._assembly.language),
            received_starts=self._ledger.received_starts(chunk.index),
            known_rest=self._ledger.known_rest(chunk.index),
            time_left_s=left_s,
            trace_context=self._trace_context,
        )

    def outstanding_samples(self) -> int:
        """Audio whose text is not known yet."""
        return max(0, self._ledger.duration_samples - self._ledger.done_samples)

    def outstanding_chunks(self) -> int:
        """Macro chunks that are not done, planned or not."""
        return self._chunks - self._ledger.chunks_done

    def remaining_samples(self, chunk: MacroChunk) -> int:
        """Audio of a chunk whose text is not known yet."""
        return self._ledger.remaining_samples(chunk.index)

    def micro_received(self, chunk: MacroChunk, result: MicroResult) -> None:
        """Take the text of a micro chunk."""
        self._take(self._assembly.received(chunk.index, result))

    def attempt_ended(self, bytes_fetched: int, warnings: list[str]) -> None:
        """Take what an attempt has cost."""
        self._bytes_fetched += bytes_fetched
        self._warnings.update(dict.fromkeys(warnings))

    def chunk_done(self, chunk: MacroChunk, end_sample: int) -> None:
        """Close a chunk; raises FanscribeError if its text is not whole."""
        self._take(self._assembly.chunk_done(chunk.index, end_sample))

    def chunk_failed(self, error: FanscribeError) -> None:
        """End with `error`: a chunk failed for good."""
        self._failure = self._failure or error
        self._news.set()

    def _take(self, gain: Gain) -> None:
        for result in gain.accepted:
            self._parts.metrics.audio_seconds.inc(result.span.samples / samples_of_s(1))
            self._warnings.update(dict.fromkeys(result.warnings))
        self._freed.extend(gain.segments)
        if gain.language_decided:
            language = self._assembly.language
            fields = {"job_id": self.job_id, "language": language}
            _log.info("language decided", extra={"fields": fields})
            self._parts.scheduler.language_decided(self, language)
        if gain.to_repeat:
            self._parts.scheduler.repeat(self, gain.to_repeat)
        self._news.set()
