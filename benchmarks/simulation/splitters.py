"""Splitter pods: they cut at the speed of a core, and have so many windows on Triton."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from benchmarks.simulation.clock import Alarm, VirtualClock
from benchmarks.simulation.inference import Channel, Window
from fanscribe.media.timeline import SAMPLE_RATE, Span
from fanscribe.orchestrator.ledger import MicroResult
from fanscribe.orchestrator.scheduler import Scheduler
from fanscribe.orchestrator.work import ChunkTask
from fanscribe.runtime.errors import FanscribeError, Reason
from fanscribe.splitter.settings import SplitterSettings


@dataclass(eq=False)
class _Attempt:
    task: ChunkTask
    to_do: deque[Span]
    on_triton: dict[Window, Alarm] = field(default_factory=dict)
    ended: bool = False


class SimulatedSplitter:
    """The scheduler's `Splitter`."""

    def __init__(
        self,
        clock: VirtualClock,
        scheduler: Scheduler,
        address: str,
        settings: SplitterSettings,
        *,
        window_s: float,
        permits: int,
        slot_speed: float,
    ) -> None:
        """`permits`: windows on Triton; `slot_speed`: audio seconds a second that a slot cuts."""
        self.address = address
        self.free_slots = settings.slots
        self.channel: Channel
        self._clock = clock
        self._scheduler = scheduler
        self._settings = settings
        self._window_samples = round(window_s * SAMPLE_RATE)
        self._slot_speed = slot_speed
        self._permits = permits
        self._waiting: deque[Callable[[], None]] = deque()
        self._attempts: dict[ChunkTask, _Attempt] = {}
        self._left: Callable[[], None] | None = None

    def assign(self, task: ChunkTask) -> None:
        """Start an attempt."""
        known = task.job.order(task.chunk).received_starts
        span, step = task.chunk.span, self._window_samples
        windows = (
            Span(start, min(start + step, span.end_sample))
            for start in range(span.start_sample, span.end_sample, step)
        )
        attempt = _Attempt(task, deque(one for one in windows if one.start_sample not in known))
        self.free_slots -= 1
        self._attempts[task] = attempt
        self._cut(attempt)

    def update(self, task: ChunkTask, language: str) -> None:
        """Every recording here has its language told."""

    def cancel(self, task: ChunkTask) -> None:
        """Stop an attempt."""
        if (attempt := self._attempts.get(task)) is not None:
            self._end(attempt)

    def drain(self, left: Callable[[], None]) -> None:
        """Take nothing new, and call `left` when all is done or handed back."""
        self._left = left
        self._offer()
        if self._attempts:
            self._clock.call_later(self._settings.drain_s, self._leave)
        else:
            self._leave()

    def _cut(self, attempt: _Attempt) -> None:
        if attempt.ended:
            return
        if not attempt.to_do:
            self._finish(attempt)
            return
        span = attempt.to_do.popleft()
        cut_s = span.samples / SAMPLE_RATE / self._slot_speed
        self._clock.call_later(cut_s, lambda: self._permitted(lambda: self._send(attempt, span)))

    def _permitted(self, call: Callable[[], None]) -> None:
        if self._permits:
            self._permits -= 1
            call()
        else:
            self._waiting.append(call)

    def _release(self) -> None:
        if self._waiting:
            self._waiting.popleft()()
        else:
            self._permits += 1

    def _send(self, attempt: _Attempt, span: Span) -> None:
        if attempt.ended:
            self._release()
            return

        def done() -> None:
            attempt.on_triton.pop(window).cancel()
            self._release()
            result = MicroResult(span, span.samples, span.samples, 0, "en", ())
            self._scheduler.micro_received(attempt.task, result)
            self._finish(attempt)

        window = Window(span.samples / SAMPLE_RATE, done)
        timeout_s = self._settings.inference_timeout_s
        attempt.on_triton[window] = self._clock.call_later(timeout_s, lambda: self._late(attempt))
        self.channel.send(window)
        self._cut(attempt)

    def _finish(self, attempt: _Attempt) -> None:
        if not (attempt.to_do or attempt.on_triton or attempt.ended) and self._cut_all(attempt):
            self._end(attempt)
            self._scheduler.attempt_done(attempt.task, attempt.task.chunk.span.end_sample)
            self._offer()

    def _cut_all(self, attempt: _Attempt) -> bool:
        """Whether no window is between its cut and Triton."""
        chunk, job = attempt.task.chunk, attempt.task.job
        return job.remaining_samples(chunk) == 0

    def _late(self, attempt: _Attempt) -> None:
        self._end(attempt)
        late = FanscribeError(Reason.INFERENCE_UNAVAILABLE, "the model did not answer in time")
        self._scheduler.attempt_failed(attempt.task, late, retryable=True)
        self._offer()

    def _end(self, attempt: _Attempt) -> None:
        del self._attempts[attempt.task]
        attempt.ended = True
        for window, alarm in attempt.on_triton.items():
            alarm.cancel()
            window.given_up = True
            self._release()
        attempt.on_triton.clear()
        if self._left is None:
            self.free_slots += 1

    def _offer(self) -> None:
        if self._left is None:
            self._scheduler.splitter_changed(self)
            return
        self.free_slots = 0
        if not self._attempts:
            self._leave()

    def _leave(self) -> None:
        if (left := self._left) is not None:
            self._left = lambda: None
            self.channel.close()
            for attempt in list(self._attempts.values()):
                self._end(attempt)
            self._scheduler.splitter_left(self)
            left()
