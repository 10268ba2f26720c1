"""What the scheduler deals with: jobs, their macro chunks, and splitters."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from fanscribe.media.probe import Recording
from fanscribe.media.timeline import Span
from fanscribe.orchestrator.ledger import MicroResult
from fanscribe.orchestrator.options import Options
from fanscribe.orchestrator.planner import MacroChunk
from fanscribe.runtime.errors import FanscribeError


@dataclass(frozen=True)
class ChunkOrder:
    """What a splitter must know to do a chunk, beside the chunk."""

    recording: Recording
    options: Options
    received_starts: list[int]  # start samples of micro chunks whose text is known
    time_left_s: float | None  # until the job's deadline; None: no deadline
    trace_context: dict[str, str]  # W3C headers of the job's span
    known_rest: Span | None = None  # of the chunk: what lies there is all known, and so is its end


class Job(Protocol):
    """What the scheduler and the splitters ask of a job and tell it."""

    job_id: str

    def order(self, chunk: MacroChunk) -> ChunkOrder:
        """What a splitter must know to do `chunk` now."""

    def outstanding_samples(self) -> int:
        """Audio whose text is not known yet."""

    def outstanding_chunks(self) -> int:
        """Macro chunks that are not done, planned or not."""

    def remaining_samples(self, chunk: MacroChunk) -> int:
        """Audio of a chunk whose text is not known yet."""

    def micro_received(self, chunk: MacroChunk, result: MicroResult) -> None:
        """Take the text of a micro chunk."""

    def attempt_ended(self, bytes_fetched: int, warnings: list[str]) -> None:
        """Take what an attempt has cost."""

    def chunk_done(self, chunk: MacroChunk, end_sample: int) -> None:
        """Close a chunk; raises FanscribeError if its text is not whole."""

    def chunk_failed(self, error: FanscribeError) -> None:
        """End with `error`: a chunk failed for good."""


class Splitter(Protocol):
    """A connected splitter. Its address tells it from others."""

    address: str
    free_slots: int

    def assign(self, task: "ChunkTask") -> None:
        """Start an attempt. Never waits."""

    def update(self, task: "ChunkTask", language: str) -> None:
        """Tell an attempt the language of the recording."""

    def cancel(self, task: "ChunkTask") -> None:
        """Stop an attempt; nothing more is heard of it."""


class Timer(Protocol):
    """A callback to come."""

    def cancel(self) -> None:
        """Forget it."""


CallLater = Callable[[float, Callable[[], None]], Timer]


@dataclass(eq=False)
class ChunkTask:
    """A macro chunk on its way to being done."""

    job: Job
    chunk: MacroChunk
    attempt: int = 0  # names the attempt; refused ones do not count
    failures: int = 0  # attempts that failed
    splitter: Splitter | None = None
    timer: Timer | None = None


@dataclass(eq=False)
class JobQueue:
    """The chunks of one job, by what becomes of them."""

    tasks: dict[int, ChunkTask] = field(default_factory=dict)  # all of them, by index
    pending: deque[ChunkTask] = field(default_factory=deque)
    delayed: set[ChunkTask] = field(default_factory=set)
    running: set[ChunkTask] = field(default_factory=set)
    # Assigned so far, on top of what the others had when the job arrived.
    assigned_samples: int = 0

    def share(self) -> tuple[int, int]:
        """Audio running and assigned: the less of it, the sooner it is the job's turn."""
        return sum(task.chunk.span.samples for task in self.running), self.assigned_samples
