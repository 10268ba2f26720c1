"""Gives the outstanding macro chunks of all jobs to splitters with free slots, fairly."""

import logging
from typing import Final

from fanscribe.orchestrator.ledger import MicroResult
from fanscribe.orchestrator.metrics import Backlog, OrchestratorMetrics
from fanscribe.orchestrator.planner import MacroChunk
from fanscribe.orchestrator.work import CallLater, ChunkTask, Job, JobQueue, Splitter
from fanscribe.runtime.errors import FanscribeError, Reason

_log = logging.getLogger(__name__)

# A failed attempt is repeated after this, doubled with each further one.
_FIRST_BACKOFF_S: Final = 0.25
# A splitter ends an overdue attempt by itself; this much later it is held for lost.
_OVERDUE_GRACE_S: Final = 30.0


class Scheduler:
    """Decides who works on what. All calls come from one event loop, and none waits.

    A free slot goes to the job with the least audio running, of several to the one that was given
    least since the youngest of them arrived. So jobs take turns even at a single slot, and a short
    recording never waits behind the rest of a long one.
    """

    def __init__(
        self,
        metrics: OrchestratorMetrics,
        call_later: CallLater,
        attempts: int,
        chunk_timeout_s: float,
    ) -> None:
        self._metrics = metrics
        self._call_later = call_later
        self._attempts = attempts
        self._chunk_timeout_s = chunk_timeout_s
        self._splitters: set[Splitter] = set()
        self._jobs: dict[Job, JobQueue] = {}  # in order of arrival

    @property
    def splitters(self) -> int:
        """Number of splitters that are connected."""
        return len(self._splitters)

    # Jobs

    def admit(self, job: Job) -> None:
        """Take a job; its chunks follow."""
        others = (queue.assigned_samples for queue in self._jobs.values())
        self._jobs[job] = JobQueue(assigned_samples=min(others, default=0))
        self._publish()

    def submit(self, job: Job, chunk: MacroChunk) -> None:
        """Take a chunk of an admitted job."""
        queue, task = self._jobs[job], ChunkTask(job, chunk)
        queue.tasks[chunk.index] = task
        queue.pending.append(task)
        self._dispatch()

    def repeat(self, job: Job, chunks: list[MacroChunk]) -> None:
        """Do chunks again, before others: they were done, but their job lacks some of their text.

        That is no failure.
        """
        queue = self._jobs[job]
        queue.pending.extendleft(queue.tasks[chunk.index] for chunk in reversed(chunks))
        self._dispatch()

    def language_decided(self, job: Job, language: str) -> None:
        """Tell those who work for a job the language of its recording."""
        for task in self._jobs[job].running:
            if task.splitter is not None:
                task.splitter.update(task, language)

    def remove(self, job: Job) -> None:
        """Forget a job and cancel what runs for it."""
        queue = self._jobs.pop(job)
        for task in queue.delayed:
            _stop_timer(task)
        for task in queue.running:
            _stop_timer(task)
            if task.splitter is not None:
                task.splitter.cancel(task)
        self._publish()

    def running_chunks(self, job: Job) -> int:
        """Number of chunks of a job that splitters work on now."""
        return len(self._jobs[job].running)

    # Splitters

    def splitter_changed(self, splitter: Splitter) -> None:
        """Take note of a splitter that has joined or whose free slots have changed."""
        self._splitters.add(splitter)
        self._dispatch()

    def splitter_left(self, splitter: Splitter) -> None:
        """Take back everything that a splitter had in hand."""
        self._splitters.discard(splitter)
        for queue in list(self._jobs.values()):
            for task in [task for task in queue.running if task.splitter is splitter]:
                self._metrics.attempts.labels("lost").inc()
                lost = FanscribeError(
                    Reason.SPLITTERS_UNAVAILABLE, "the splitter that worked on it was lost"
                )
                self._failed(task, lost, retryable=True)
        self._dispatch()

    # Attempts

    def micro_received(self, task: ChunkTask, result: MicroResult) -> None:
        """Hand the text of a micro chunk to its job."""
        # Only failures in a row count: splitters that come and go may share a chunk for as long as
        # it gets on, and it cannot get on for ever.
        task.failures = 0
        if task.chunk.is_whole:
            self._set_deadline(task)  # it takes as long as the recording is: but it gets on
        task.job.micro_received(task.chunk, result)
        self._publish()

    def attempt_done(self, task: ChunkTask, end_sample: int) -> None:
        """Close a chunk."""
        self._metrics.attempts.labels("done").inc()
        self._end_attempt(task)
        try:
            task.job.chunk_done(task.chunk, end_sample)
        except FanscribeError as error:
            task.job.chunk_failed(error)
        self._dispatch()

    def attempt_failed(self, task: ChunkTask, error: FanscribeError, retryable: bool) -> None:
        """Repeat a chunk that may succeed, or fail its job."""
        self._metrics.attempts.labels("failed").inc()
        self._failed(task, error, retryable)
        self._dispatch()

    def attempt_refused(self, task: ChunkTask) -> None:
        """Put back a chunk that a splitter had no slot for after all."""
        self._metrics.attempts.labels("refused").inc()
        self._end_attempt(task)
        task.attempt -= 1
        self._jobs[task.job].pending.appendleft(task)
        self._dispatch()

    def _failed(self, task: ChunkTask, error: FanscribeError, retryable: bool) -> None:
        self._end_attempt(task)
        task.failures += 1
        self._metrics.failures.labels(error.reason).inc()
        _log.warning(
            "attempt failed: %s: %s",
            error.reason,
            error.message,
            extra={
                "fields": {
                    "job_id": task.job.job_id,
                    "chunk": task.chunk.index,
                    "attempt": task.attempt,
                }
            },
        )
        if not retryable:
            task.job.chunk_failed(error)
        elif task.failures >= self._attempts:
            task.job.chunk_failed(
                FanscribeError(
                    error.reason,
                    f"macro chunk {task.chunk.index} failed {task.failures} times; "
                    f"the last time: {error.message}",
                )
            )
        else:
            self._jobs[task.job].delayed.add(task)
            delay_s = _FIRST_BACKOFF_S * 2 ** (task.failures - 1)
            task.timer = self._call_later(delay_s, lambda: self._again(task))

    def _again(self, task: ChunkTask) -> None:
        queue = self._jobs[task.job]
        queue.delayed.discard(task)
        queue.pending.appendleft(task)
        self._dispatch()

    def _set_deadline(self, task: ChunkTask) -> None:
        _stop_timer(task)
        task.timer = self._call_later(
            self._chunk_timeout_s + _OVERDUE_GRACE_S, lambda: self._overdue(task)
        )

    def _overdue(self, task: ChunkTask) -> None:
        if task.splitter is not None:
            task.splitter.cancel(task)
        self._metrics.attempts.labels("overdue").inc()
        late = FanscribeError(
            Reason.SPLITTERS_UNAVAILABLE,
            f"it was not done after {self._chunk_timeout_s:.0f} s",
        )
        self._failed(task, late, retryable=True)
        self._dispatch()

    def _end_attempt(self, task: ChunkTask) -> None:
        _stop_timer(task)
        task.splitter = None
        self._jobs[task.job].running.discard(task)

    def _dispatch(self) -> None:
        while True:
            free = [splitter for splitter in self._splitters if splitter.free_slots > 0]
            waiting = [queue for queue in self._jobs.values() if queue.pending]
            if not free or not waiting:
                break
            queue = min(waiting, key=JobQueue.share)
            # By address where slots are equal, so that the same state gives the same decision.
            splitter = min(free, key=lambda one: (-one.free_slots, one.address))
            self._assign(queue, queue.pending.popleft(), splitter)
        self._publish()

    def _assign(self, queue: JobQueue, task: ChunkTask, splitter: Splitter) -> None:
        task.attempt += 1
        task.splitter = splitter
        self._set_deadline(task)
        queue.running.add(task)
        queue.assigned_samples += task.chunk.span.samples
        splitter.assign(task)

    def _publish(self) -> None:
        running = [task for queue in self._jobs.values() for task in queue.running]
        running_samples = sum(task.job.remaining_samples(task.chunk) for task in running)
        outstanding_samples = sum(job.outstanding_samples() for job in self._jobs)
        outstanding_chunks = sum(job.outstanding_chunks() for job in self._jobs)
        self._metrics.publish(
            Backlog(
                jobs=len(self._jobs),
                queued_chunks=outstanding_chunks - len(running),
                running_chunks=len(running),
                queued_samples=max(0, outstanding_samples - running_samples),
                running_samples=running_samples,
                splitters=len(self._splitters),
                free_slots=sum(splitter.free_slots for splitter in self._splitters),
            )
        )


def _stop_timer(task: ChunkTask) -> None:
    if task.timer is not None:
        task.timer.cancel()
        task.timer = None
