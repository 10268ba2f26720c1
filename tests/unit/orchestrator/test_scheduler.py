"""Scheduling: fair, bounded, and nothing lost. A clock of the test's own moves the timers."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from prometheus_client import CollectorRegistry

from fanscribe.media.timeline import Span
from fanscribe.orchestrator.ledger import MicroResult
from fanscribe.orchestrator.metrics import OrchestratorMetrics
from fanscribe.orchestrator.planner import MacroChunk
from fanscribe.orchestrator.scheduler import Scheduler
from fanscribe.orchestrator.work import ChunkOrder, ChunkTask, Timer
from fanscribe.runtime.errors import FanscribeError, Reason

LOST = FanscribeError(Reason.MEDIA_HOST_UNAVAILABLE, "the host is down")


@dataclass
class Clock:
    now_s: float = 0
    timers: list["Alarm"] = field(default_factory=list)

    def call_later(self, delay_s: float, call: Callable[[], None]) -> Timer:
        alarm = Alarm(self.now_s + delay_s, call)
        self.timers.append(alarm)
        return alarm

    def advance(self, seconds: float) -> None:
        self.now_s += seconds
        due = [alarm for alarm in self.timers if alarm.at_s <= self.now_s]
        self.timers = [alarm for alarm in self.timers if alarm.at_s > self.now_s]
        for alarm in sorted(due, key=lambda alarm: alarm.at_s):
            if not alarm.cancelled:
                alarm.call()


@dataclass
class Alarm:
    at_s: float
    call: Callable[[], None]
    cancelled: bool = False

    def cancel(self) -> None:
        self.cancelled = True


@dataclass(eq=False)
class FakeJob:
    job_id: str
    done: list[int] = field(default_factory=list)
    error: FanscribeError | None = None
    # What it does when a chunk is done.
    then: Callable[[MacroChunk], None] = lambda _: None

    def order(self, chunk: MacroChunk) -> ChunkOrder:
        raise AssertionError("asked by the links only")

    def outstanding_samples(self) -> int:
        return 0

    def outstanding_chunks(self) -> int:
        return 0

    def remaining_samples(self, chunk: MacroChunk) -> int:
        return chunk.span.samples

    def micro_received(self, chunk: MacroChunk, result: MicroResult) -> None:
        pass

    def attempt_ended(self, bytes_fetched: int, warnings: list[str]) -> None:
        pass

    def chunk_done(self, chunk: MacroChunk, end_sample: int) -> None:
        self.done.append(chunk.index)
        self.then(chunk)

    def chunk_failed(self, error: FanscribeError) -> None:
        self.error = error


@dataclass(eq=False)
class FakeSplitter:
    address: str
    free_slots: int
    tasks: list[ChunkTask] = field(default_factory=list)
    cancelled: list[ChunkTask] = field(default_factory=list)
    updated: list[tuple[ChunkTask, str]] = field(default_factory=list)

    def assign(self, task: ChunkTask) -> None:
        self.free_slots -= 1
        self.tasks.append(task)

    def update(self, task: ChunkTask, language: str) -> None:
        self.updated.append((task, language))

    def cancel(self, task: ChunkTask) -> None:
        self.tasks.remove(task)
        self.cancelled.append(task)

    def finish(self, scheduler: Scheduler) -> ChunkTask:
        task = self.tasks.pop(0)
        self.free_slots += 1
        scheduler.attempt_done(task, task.chunk.span.end_sample)
        return task


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def scheduler(clock: Clock) -> Scheduler:
    metrics = OrchestratorMetrics(CollectorRegistry())
    return Scheduler(metrics, clock.call_later, attempts=3, chunk_timeout_s=100)


def job(scheduler: Scheduler, name: str, chunks: int, seconds: int = 300) -> FakeJob:
    one = FakeJob(name)
    scheduler.admit(one)
    for i in range(chunks):
        span = Span(i * seconds * 16_000, (i + 1) * seconds * 16_000)
        scheduler.submit(one, MacroChunk(i, span, to_end=i == chunks - 1))
    return one


def joined(scheduler: Scheduler, address: str = "a:1", slots: int = 1) -> FakeSplitter:
    splitter = FakeSplitter(address, slots)
    scheduler.splitter_changed(splitter)
    return splitter


def test_chunks_wait_for_a_splitter_and_never_exceed_its_slots(scheduler: Scheduler) -> None:
    one = job(scheduler, "one", 5)
    splitter = joined(scheduler, slots=2)
    assert [task.chunk.index for task in splitter.tasks] == [0, 1]
    while splitter.tasks:
        splitter.finish(scheduler)
        assert len(splitter.tasks) <= 2
    assert one.done == [0, 1, 2, 3, 4]


def test_a_short_job_takes_the_next_free_slot(scheduler: Scheduler) -> None:
    job(scheduler, "long", 120)
    splitter = joined(scheduler, slots=2)
    short = job(scheduler, "short", 1, seconds=60)
    splitter.finish(scheduler)
    assert splitter.tasks[-1].job is short


def test_jobs_take_turns_at_a_single_slot(scheduler: Scheduler) -> None:
    splitter = joined(scheduler, slots=1)
    long = job(scheduler, "long", 120)
    for _ in range(10):
        splitter.finish(scheduler)
    other, short = job(scheduler, "other", 120), job(scheduler, "short", 2, seconds=60)
    turns = [splitter.finish(scheduler).job for _ in range(7)]
    # What had been done for the long job before does not count, and two short turns make one.
    assert turns == [long, long, other, short, short, long, other]


def test_equal_jobs_get_equal_shares(scheduler: Scheduler) -> None:
    jobs = [job(scheduler, name, 50) for name in "abc"]
    splitter = joined(scheduler, slots=6)
    for _ in range(60):
        splitter.finish(scheduler)
    done = [len(one.done) for one in jobs]
    assert max(done) - min(done) <= 1


def test_chunks_go_to_the_splitter_with_most_room(scheduler: Scheduler) -> None:
    small, large = joined(scheduler, "a:1", slots=1), joined(scheduler, "b:1", slots=3)
    job(scheduler, "one", 4)
    assert (len(small.tasks), len(large.tasks)) == (1, 3)


def test_what_a_lost_splitter_had_is_done_by_another(scheduler: Scheduler, clock: Clock) -> None:
    one = job(scheduler, "one", 2)
    lost = joined(scheduler, "a:1", slots=2)
    scheduler.splitter_left(lost)
    assert scheduler.splitters == 0
    other = joined(scheduler, "b:1", slots=2)
    clock.advance(10)
    assert sorted(task.chunk.index for task in other.tasks) == [0, 1]
    assert {task.attempt for task in other.tasks} == {2}
    other.finish(scheduler)
    other.finish(scheduler)
    assert sorted(one.done) == [0, 1]


def test_attempts_are_bounded_and_the_error_tells_the_last_reason(
    scheduler: Scheduler, clock: Clock
) -> None:
    one = job(scheduler, "one", 1)
    splitter = joined(scheduler)
    for attempt in (1, 2, 3):
        task = splitter.tasks.pop()
        assert task.attempt == attempt
        splitter.free_slots += 1
        scheduler.attempt_failed(task, LOST, retryable=True)
        clock.advance(10)
    assert one.error is not None
    assert one.error.reason is Reason.MEDIA_HOST_UNAVAILABLE
    assert "macro chunk 0 failed 3 times" in one.error.message
    assert splitter.tasks == []


def test_failures_of_a_chunk_that_gets_on_do_not_add_up(scheduler: Scheduler, clock: Clock) -> None:
    a_job, splitter = job(scheduler, "a", 1), joined(scheduler)
    span = Span(0, 16_000)
    text = MicroResult(span, span.samples, span.samples, 0, language="en", segments=())
    for _ in range(10):
        (task,) = splitter.tasks
        scheduler.micro_received(task, text)
        splitter.tasks.clear()
        splitter.free_slots += 1
        scheduler.attempt_failed(task, LOST, retryable=True)
        clock.advance(60)
    assert a_job.error is None
    assert splitter.finish(scheduler).attempt == 11


def test_a_final_failure_is_not_repeated(scheduler: Scheduler, clock: Clock) -> None:
    one = job(scheduler, "one", 1)
    splitter = joined(scheduler)
    changed = FanscribeError(Reason.MEDIA_CHANGED, "another recording now")
    scheduler.attempt_failed(splitter.tasks.pop(), changed, retryable=False)
    clock.advance(1000)
    assert one.error is changed


def test_a_refusal_is_no_attempt(scheduler: Scheduler) -> None:
    job(scheduler, "one", 1)
    splitter = joined(scheduler)
    for _ in range(10):
        splitter.free_slots = 1
        scheduler.attempt_refused(splitter.tasks.pop())
    assert splitter.tasks[0].attempt == 1


def test_chunks_whose_text_is_rejected_come_first_at_once_and_as_often_as_it_takes(
    scheduler: Scheduler,
) -> None:
    one = job(scheduler, "one", 5)
    splitter = joined(scheduler, slots=1)
    chunks = [splitter.finish(scheduler).chunk for _ in range(2)]
    one.then = lambda chunk: scheduler.repeat(one, [*chunks, chunk]) if chunk.index == 2 else None
    finished = [splitter.finish(scheduler)]
    one.then = lambda _: None
    finished += [splitter.finish(scheduler) for _ in range(5)]
    order = [(task.chunk.index, task.failures) for task in finished]
    assert order == [(2, 0), (0, 0), (1, 0), (2, 0), (3, 0), (4, 0)]

    other = job(scheduler, "other", 1)
    repeats = iter(range(10))
    other.then = lambda chunk: None if next(repeats, None) is None else again(chunk)

    def again(chunk: MacroChunk) -> None:
        scheduler.repeat(other, [chunk])

    attempts = []
    while splitter.tasks:
        attempts.append(splitter.tasks[0].attempt)
        splitter.finish(scheduler)
    assert attempts == list(range(1, 12))
    assert other.error is None


def test_repeats_are_no_failed_attempts(scheduler: Scheduler, clock: Clock) -> None:
    one = job(scheduler, "one", 1)
    splitter = joined(scheduler)
    for _ in range(5):
        task = splitter.tasks[0]
        one.then = lambda chunk: scheduler.repeat(one, [chunk])
        splitter.finish(scheduler)
        assert splitter.tasks == [task]
    for _ in range(2):
        splitter.free_slots += 1
        scheduler.attempt_failed(splitter.tasks.pop(), LOST, retryable=True)
        clock.advance(1)
    assert one.error is None
    assert splitter.tasks


def test_those_who_work_for_a_job_are_told_its_language(scheduler: Scheduler) -> None:
    one, _ = job(scheduler, "one", 3), job(scheduler, "other", 3)
    splitters = [joined(scheduler, address, slots=2) for address in ("a:1", "b:1")]
    scheduler.language_decided(one, "de")
    told = [told for splitter in splitters for told in splitter.updated]
    working = [task for splitter in splitters for task in splitter.tasks if task.job is one]
    assert told == [(task, "de") for task in working]
    assert len(told) == 2


def test_an_overdue_attempt_is_cancelled_and_repeated(scheduler: Scheduler, clock: Clock) -> None:
    job(scheduler, "one", 1)
    stuck = joined(scheduler, "a:1")
    clock.advance(131)
    assert [task.chunk.index for task in stuck.cancelled] == [0]
    other = joined(scheduler, "b:1")
    clock.advance(10)
    assert [task.attempt for task in other.tasks] == [2]


def test_a_recording_in_one_go_may_take_as_long_as_there_is_new_text(
    scheduler: Scheduler, clock: Clock
) -> None:
    one = FakeJob("one")
    scheduler.admit(one)
    span = Span(0, 36_000 * 16_000)
    scheduler.submit(one, MacroChunk(0, span, to_end=True, is_whole=True))
    splitter = joined(scheduler, "a:1")
    for minute in range(30):
        clock.advance(60)
        spoken = Span(minute * 16_000, (minute + 1) * 16_000)
        result = MicroResult(spoken, 16_000, 16_000, 0, "en", ())
        scheduler.micro_received(splitter.tasks[0], result)
    assert not splitter.cancelled
    clock.advance(131)
    assert [task.chunk.index for task in splitter.cancelled] == [0]


def test_removing_a_job_cancels_what_runs_and_forgets_what_waits(
    scheduler: Scheduler, clock: Clock
) -> None:
    one = job(scheduler, "one", 4)
    splitter = joined(scheduler, slots=2)
    failed = splitter.tasks[0]
    splitter.tasks.remove(failed)
    scheduler.attempt_failed(failed, LOST, retryable=True)
    scheduler.remove(one)
    assert splitter.tasks == []
    assert splitter.cancelled
    splitter.free_slots = 2
    clock.advance(1000)
    assert splitter.tasks == []
