"""What trades speed for words, and memory for speed."""

from dataclasses import dataclass

from fanscribe_whisper.excerpts import Padding
from fanscribe_whisper.features import HOP_SAMPLES


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
    # English text less likely than this, on average, is decoded again with beams.
    sure_logprob: float = -0.5
    # From frame to frame of the spectrograms: longer than Whisper's own, and speech sounds faster.
    hop_samples: int = HOP_SAMPLES

    @property
    def most_windows(self) -> int:
        """Windows held before Triton is let gather more: company for each, and full batches."""
        return max(1, 5 * self.workers * self.group_size // 8)
