"""What a transcription tells while it runs: immutable events, times in milliseconds.

Spans are half-open: [start_ms, end_ms) on the recording's own timeline.
"""

from dataclasses import dataclass
from typing import TypeAlias

from fanscribe.client.options import Options


@dataclass(frozen=True, kw_only=True)
class Plan:
    """First event: what is about to be done."""

    job_id: str
    """Identifies the job in the servers' logs, metrics and traces."""
    duration_ms: int
    size_bytes: int
    macro_chunks: int
    container: str
    """Container format, in ffmpeg's words."""
    codec: str
    """Audio codec, in ffmpeg's words."""
    options: Options
    """The options as they are applied, with every default filled in."""
    sequential: bool = False
    """Decoded in one go by one splitter: nothing leads into the middle of the recording."""


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far the job is."""

    done_ms: int
    """Audio whose text is known, wherever it lies in the recording."""
    duration_ms: int
    elapsed_ms: int
    """Wall time since the call arrived at the server."""
    macro_chunks_done: int
    macro_chunks_running: int
    macro_chunks: int

    @property
    def speed_up(self) -> float:
        """Seconds of audio done in a second of wall time (RTFx); 0 before anything is done."""
        return self.done_ms / self.elapsed_ms if self.elapsed_ms else 0.0

    @property
    def remaining_ms(self) -> int | None:
        """Wall time still needed at the speed so far; None before anything is done."""
        if not self.done_ms:
            return None
        return max(0, self.duration_ms - self.done_ms) * self.elapsed_ms // self.done_ms


@dataclass(frozen=True, kw_only=True)
class Word:
    """A word with its punctuation, and its time."""

    start_ms: int
    end_ms: int
    text: str
    probability: float


@dataclass(frozen=True, kw_only=True)
class Segment:
    """A stretch of speech and its text; segments come in time order."""

    index: int
    """Counts from 0 without gaps."""
    start_ms: int
    end_ms: int
    text: str
    language: str
    """ISO 639-1 code."""
    avg_logprob: float
    """Mean natural log-probability of the tokens, at most 0."""
    no_speech_prob: float
    compression_ratio: float
    """Length of the text over its compressed length; above 2.4 means repetition."""
    words: tuple[Word, ...] = ()
    """Words with times, if they were asked for."""


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """Where every millisecond of the recording went: input = transcribed + silent."""

    transcribed_ms: int
    silent_ms: int
    speech_ms: int
    """Speech detected: a part of `transcribed_ms`."""
    speech_without_text_ms: int
    """Part of `speech_ms` for which the model returned no text at all."""

    @property
    def speech_with_text(self) -> float:
        """Share of the detected speech that has text, 0 to 1; 1 if there was no speech."""
        return 1 - self.speech_without_text_ms / self.speech_ms if self.speech_ms else 1.0


@dataclass(frozen=True, kw_only=True)
class Completed:
    """Last event: the job's balance."""

    input_duration_ms: int
    processing_duration_ms: int
    speed_up: float
    """Input duration over processing duration (RTFx)."""
    bytes_fetched: int
    language: str
    """Language of most of the speech, an ISO 639-1 code; empty if there was no speech."""
    segments: int
    macro_chunks: int
    macro_chunk_attempts: int
    """Assignments it took to finish the macro chunks; equal to them when nothing failed."""
    coverage: Coverage
    warnings: tuple[str, ...] = ()


Event: TypeAlias = Plan | Progress | Segment | Completed


@dataclass(frozen=True, kw_only=True)
class Transcript:
    """A whole transcription."""

    plan: Plan
    segments: tuple[Segment, ...]
    completed: Completed

    @property
    def text(self) -> str:
        """All segments' text, separated by spaces."""
        return " ".join(segment.text.strip() for segment in self.segments)
