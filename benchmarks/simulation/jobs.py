"""Jobs on the orchestrator's own ledger and scheduler: planned in time, done by splitters."""

import math
from collections.abc import Callable
from typing import Final

from benchmarks.simulation.clock import VirtualClock
from fanscribe.media.recording import Recording
from fanscribe.media.source import Source
from fanscribe.media.timeline import SAMPLE_RATE, Span, samples_of_s
from fanscribe.orchestrator.ledger import Ledger, MicroResult
from fanscribe.orchestrator.metrics import OrchestratorMetrics
from fanscribe.orchestrator.options import Options
from fanscribe.orchestrator.planner import MacroChunk, macro_chunks
from fanscribe.orchestrator.scheduler import Scheduler
from fanscribe.orchestrator.work import ChunkOrder
from fanscribe.runtime.errors import FanscribeError

# Nothing here is read or transcribed: any will do.
_RECORDING: Final = Recording(Source("https://example.org/", 1), "wav", "", 0, 0, 0)
_OPTIONS: Final = Options(
    macro_chunk_s=300,
    micro_chunk_s=20,
    language="en",
    translate=False,
    word_timestamps=False,
    initial_prompt="",
)


class SimulatedJob:
    """One recording. What the scheduler asks, a real job answers from its ledger; so does this."""

    def __init__(
        self,
        job_id: str,
        audio_s: float,
        arrived_s: float,
        metrics: OrchestratorMetrics,
        ended: Callable[["SimulatedJob"], None],
    ) -> None:
        self.job_id = job_id
        self.audio_s = audio_s
        self.arrived_s = arrived_s
        self.done_s = math.nan
        self.failure = ""
        self.ledger = Ledger(samples_of_s(audio_s))
        self._metrics = metrics
        self._ended = ended
        self._chunks = 0
        self._waiting: set[int] = set()
        self._room: Callable[[], None] | None = None

    def begin(
        self,
        clock: VirtualClock,
        scheduler: Scheduler,
        *,
        macro_s: int,
        boundary_s: float,
        ahead: int,
    ) -> None:
        """Plan a chunk every `boundary_s`, no more than `ahead` before a splitter has room."""
        macro, end = samples_of_s(macro_s), self.ledger.duration_samples
        self._chunks = macro_chunks(end, macro)
        scheduler.admit(self)

        def found(index: int) -> None:
            if self.ended:
                return
            if len(self._waiting) >= ahead:
                self._room = lambda: found(index)
                return
            last = index == self._chunks - 1
            chunk = MacroChunk(
                index, Span(index * macro, end if last else (index + 1) * macro), to_end=last
            )
            self.ledger.planned(chunk)
            self._waiting.add(index)
            if not last:
                clock.call_later(boundary_s, lambda: found(index + 1))
            scheduler.submit(self, chunk)

        clock.call_later(boundary_s, lambda: found(0))

    @property
    def ended(self) -> bool:
        """Whether it is done or has failed."""
        return bool(self.failure) or not math.isnan(self.done_s)

    # What the scheduler and the splitters ask and tell

    def order(self, chunk: MacroChunk) -> ChunkOrder:
        """What a splitter must know to do `chunk` now."""
        self._waiting.discard(chunk.index)
        if self._room is not None:
            room, self._room = self._room, None
            room()
        return ChunkOrder(
            recording=_RECORDING,
            options=_OPTIONS,
            received_starts=self.ledger.received_starts(chunk.index),
            time_left_s=None,
            trace_context={},
        )

    def outstanding_samples(self) -> int:
        """Audio whose text is not known yet."""
        return max(0, self.ledger.duration_samples - self.ledger.done_samples)

    def outstanding_chunks(self) -> int:
        """Macro chunks that are not done, planned or not."""
        return self._chunks - self.ledger.chunks_done

    def remaining_samples(self, chunk: MacroChunk) -> int:
        """Audio of a chunk whose text is not known yet."""
        return self.ledger.remaining_samples(chunk.index)

    def micro_received(self, chunk: MacroChunk, result: MicroResult) -> None:
        """Take the text of a micro chunk."""
        if self.ledger.received(chunk.index, result):
            self.ledger.accepted(chunk.index, result)
            self._metrics.audio_seconds.inc(result.span.samples / SAMPLE_RATE)

    def attempt_ended(self, bytes_fetched: int, warnings: list[str]) -> None:
        """Take what an attempt has cost: nothing here."""

    def chunk_done(self, chunk: MacroChunk, end_sample: int) -> None:
        """Close a chunk."""
        self.ledger.finished(chunk.index, end_sample)
        if self.ledger.complete:
            self._ended(self)

    def chunk_failed(self, error: FanscribeError) -> None:
        """End with `error`."""
        if not self.ended:
            self.failure = error.reason
            self._ended(self)
