"""What is known of every macro chunk of a job, and the text of its micro chunks."""

from dataclasses import dataclass, field

from fanscribe.media.timeline import Span
from fanscribe.orchestrator.planner import MacroChunk
from fanscribe.runtime.errors import FanscribeError, Reason


@dataclass(frozen=True)
class Word:
    """A word on the recording's timeline."""

    start_ms: int
    end_ms: int
    text: str
    probability: float


@dataclass(frozen=True)
class TextSegment:
    """A piece of text on the recording's timeline."""

    start_ms: int
    end_ms: int
    text: str
    language: str
    avg_logprob: float
    no_speech_prob: float
    compression_ratio: float
    words: tuple[Word, ...]


@dataclass(frozen=True)
class MicroResult:
    """The text of one micro chunk."""

    span: Span
    transcribed_samples: int
    speech_samples: int
    wordless_samples: int
    language: str  # given to or detected by the model; empty for silence
    segments: tuple[TextSegment, ...]
    warnings: tuple[str, ...] = ()
    language_probability: float = 1.0
    joined_languages: tuple[str, ...] = ()  # others, of the texts it was joined with


_Spans = dict[int, Span]  # by start sample


@dataclass
class _Entry:
    chunk: MacroChunk
    withheld: _Spans = field(default_factory=dict)  # received, and no verdict yet
    accepted: _Spans = field(default_factory=dict)
    rejected: _Spans = field(default_factory=dict)  # to be received again
    accepted_samples: int = 0
    ended: bool = False  # an attempt has gone through all of it
    end_sample: int | None = None  # where it ended then

    @property
    def known(self) -> _Spans:
        """Micro chunks that need not be done again."""
        return self.accepted | self.withheld

    @property
    def done(self) -> bool:
        return self.ended and not self.withheld and not self.rejected


class Ledger:
    """The macro chunks of one job. Every micro result is taken once, from whatever attempt.

    It counts once it is accepted. One that is rejected is as good as not received.
    """

    def __init__(self, duration_samples: int) -> None:
        # What the probe made of it, then what the planner found, then where the last chunk ended.
        self.duration_samples = duration_samples
        self.done_samples = 0
        self.transcribed_samples = 0
        self.speech_samples = 0
        self.wordless_speech_samples = 0
        self._language_samples: dict[str, int] = {}
        self._entries: dict[int, _Entry] = {}
        self._planned = False

    def planned(self, chunk: MacroChunk) -> None:
        """Enter a chunk."""
        self._entries[chunk.index] = _Entry(chunk)
        if chunk.to_end:
            self.duration_samples = chunk.span.end_sample
            self._planned = True
        # An estimate was too short.
        self.duration_samples = max(self.duration_samples, chunk.span.end_sample)

    def received(self, index: int, result: MicroResult) -> bool:
        """Enter a micro result, to be accepted or rejected; False if it is known already."""
        entry, start = self._entries[index], result.span.start_sample
        if start in entry.accepted or start in entry.withheld:
            return False
        entry.rejected.pop(start, None)
        entry.withheld[start] = result.span
        # An estimate was too short.
        self.duration_samples = max(self.duration_samples, result.span.end_sample)
        return True

    def accepted(self, index: int, result: MicroResult) -> None:
        """Count a micro result that was received."""
        entry, start = self._entries[index], result.span.start_sample
        entry.accepted[start] = entry.withheld.pop(start)
        entry.accepted_samples += result.span.samples
        self.done_samples += result.span.samples
        self.transcribed_samples += result.transcribed_samples
        self.speech_samples += result.speech_samples
        self.wordless_speech_samples += result.wordless_samples
        if result.segments and result.language:
            heard = self._language_samples.get(result.language, 0)
            self._language_samples[result.language] = heard + result.speech_samples

    def rejected(self, index: int, result: MicroResult) -> None:
        """Give up a micro result that was received: it must be made again."""
        entry, start = self._entries[index], result.span.start_sample
        entry.rejected[start] = entry.withheld.pop(start)

    def remaining_samples(self, index: int) -> int:
        """Audio of a chunk whose text is not known yet, as far as its length is known."""
        entry = self._entries[index]
        end_sample = self.duration_samples if entry.chunk.to_end else entry.chunk.span.end_sample
        return max(0, end_sample - entry.chunk.span.start_sample - entry.accepted_samples)

    def received_starts(self, index: int) -> list[int]:
        """Start samples of the micro chunks of a chunk that need not be done again."""
        return sorted(self._entries[index].known)

    def known_rest(self, index: int) -> Span | None:
        """Return the end of a chunk nothing in which needs to be done again; None: not known."""
        entry = self._entries[index]
        if entry.end_sample is None or not entry.rejected:
            return None
        return Span(max(span.end_sample for span in entry.rejected.values()), entry.end_sample)

    def finished(self, index: int, end_sample: int) -> None:
        """Enter that an attempt has gone through all of a chunk, which ends at `end_sample`.

        Raises FanscribeError INTERNAL if its micro results do not tile it: then text is missing or
        doubled, which nobody may take for success.
        """
        entry = self._entries[index]
        position = entry.chunk.span.start_sample
        for span in sorted((entry.known | entry.rejected).values()):
            if span.start_sample != position:
                break
            position = span.end_sample
        expected = end_sample if entry.chunk.to_end else entry.chunk.span.end_sample
        if position != expected or end_sample != expected:
            raise FanscribeError(
                Reason.INTERNAL,
                f"the text of macro chunk {index} does not account for all of its audio",
            )
        entry.ended = True
        entry.end_sample = end_sample
        if entry.chunk.to_end:
            self.duration_samples = end_sample

    def reopened(self, index: int) -> MacroChunk | None:
        """Return a chunk to be done again: no attempt runs, and some of its text was rejected."""
        entry = self._entries[index]
        if not (entry.ended and entry.rejected):
            return None
        entry.ended = False
        return entry.chunk

    @property
    def heard(self) -> bool:
        """Whether attempts have gone through all of the recording."""
        return self._planned and all(entry.ended for entry in self._entries.values())

    @property
    def complete(self) -> bool:
        """Whether every chunk of the recording is done."""
        return self._planned and all(entry.done for entry in self._entries.values())

    @property
    def chunks_done(self) -> int:
        """Number of chunks that are done."""
        return sum(entry.done for entry in self._entries.values())

    @property
    def language(self) -> str:
        """Language of most of the speech; empty if there was none."""
        heard = self._language_samples
        return max(heard, key=lambda language: heard[language]) if heard else ""
