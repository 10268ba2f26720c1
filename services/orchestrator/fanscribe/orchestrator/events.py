"""What a job tells its caller."""

from dataclasses import dataclass

from fanscribe.media.probe import Recording
from fanscribe.orchestrator.ledger import TextSegment
from fanscribe.orchestrator.options import Options


@dataclass(frozen=True)
class Planned:
    """What is about to be done."""

    job_id: str
    recording: Recording
    options: Options
    macro_chunks: int


@dataclass(frozen=True)
class Progressed:
    """How far the job is."""

    done_samples: int
    duration_samples: int
    elapsed_s: float
    chunks_done: int
    chunks_running: int
    chunks: int


@dataclass(frozen=True)
class Told:
    """A piece of text, the `index`th of the recording."""

    index: int
    segment: TextSegment


@dataclass(frozen=True)
class Completed:
    """The job's balance."""

    duration_samples: int
    elapsed_s: float
    bytes_fetched: int
    language: str
    segments: int
    macro_chunks: int
    macro_chunk_attempts: int
    transcribed_samples: int
    speech_samples: int
    wordless_speech_samples: int
    warnings: tuple[str, ...]


Event = Planned | Progressed | Told | Completed
