"""What is wanted of the decoder for one window; wants of one kind are answered together."""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import ClassVar, Final

from fanscribe_whisper.excerpts import Excerpt
from fanscribe_whisper.features import FRAMES_PER_S
from fanscribe_whisper.hypothesis import GREEDY, Hypothesis, Search

# Attention needs some steps to be spread over; a shorter excerpt lends them from its padding.
MIN_ALIGNED_FRAMES: Final = 40


@dataclass(frozen=True, eq=False)
class Decoding:
    """The text of an excerpt that is padded to `frames`; the answer is a Hypothesis."""

    excerpt: Excerpt
    frames: int
    search: Search = GREEDY
    # Of the same excerpt and size: its encoder output is read again.
    heard: Hypothesis | None = None
    # What its tokens are known to begin with. Nothing but more text may follow at once.
    known: tuple[int, ...] = ()

    @property
    def beams(self) -> int:
        """Texts that are followed at a time."""
        return self.search.beams

    @property
    def kind(self) -> Hashable:
        """What those have in common that may share a batch.

        CTranslate2 wants one length of the audio and one of all that is given to begin with.
        """
        encoded = self.heard is not None
        given = len(self.excerpt.prompt), len(self.known)
        return Decoding, self.frames, given, self.search, encoded


@dataclass(frozen=True, eq=False)
class Aligning:
    """When the words of a hypothesis that has text were spoken; the answer is an Alignment."""

    hypothesis: Hypothesis
    beams: ClassVar[int] = 1

    @property
    def frames(self) -> int:
        """How much of the encoder's output is audio, in frames of features."""
        audio_ms = self.hypothesis.excerpt.audio_ms
        return max(MIN_ALIGNED_FRAMES, audio_ms * FRAMES_PER_S // 1000)

    @property
    def kind(self) -> Hashable:
        """What those have in common that may share a batch."""
        task = self.hypothesis.excerpt.window.options.task
        return Aligning, self.hypothesis.encoded.frames, self.hypothesis.language, task


Want = Decoding | Aligning
