"""What trades speed for words, and memory for speed."""

from dataclasses import dataclass
from typing import Final

from fanscribe_whisper.excerpts import Padding
from fanscribe_whisper.features import HOP_SAMPLES

# As many as a whole group is decoded with.
USUAL_BEAMS: Final = 5


@dataclass(frozen=True)
class Hearing:
    """How speech is listened to."""

    # Text less likely than this, on average, is decoded again with beams; 0: with them at once.
    sure_logprob: float
    # From frame to frame of the spectrograms: longer than Whisper's own, and speech sounds faster.
    hop_samples: int = HOP_SAMPLES
    # How many, wherever text is not decoded greedily.
    beams: int = USUAL_BEAMS


@dataclass(frozen=True)
class Tuning:
    """How windows are decoded; their text depends on it, but never on what else is in a batch."""

    padding: Padding
    # Batches worked on at a time. On a GPU, one is prepared while the other is computed.
    workers: int
    # Excerpts decoded together at most.
    group_size: int
    # Excerpts the encoder takes at a time. One alone stays in a core's cache; a GPU wants all.
    encoder_size: int
    # Whether few excerpts are shared out among workers. Several cores want that, one GPU does not.
    shared: bool = True
    # Whether windows are held to account. Without, each is decoded once and believed.
    guards: bool = True
    english: Hearing = Hearing(sure_logprob=-0.5)
    # Other languages, of which Whisper has heard less.
    foreign: Hearing = Hearing(sure_logprob=-0.3)

    @property
    def most_windows(self) -> int:
        """Windows held before Triton is let gather more: company for each, and full batches."""
        return max(1, 5 * self.workers * self.group_size // 8)

    def together(self, beams: int) -> int:
        """Excerpts decoded together at most: fewer with many beams, which all take memory."""
        return max(1, self.group_size * USUAL_BEAMS // max(beams, USUAL_BEAMS))

    def hearing(self, language: str) -> Hearing:
        """How a language is listened to; as English, while it is not known ("")."""
        return self.english if language in {"", "en"} else self.foreign
