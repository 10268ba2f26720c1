"""What trades speed for words."""

from dataclasses import dataclass

from fanscribe_whisper.batches import Padding


@dataclass(frozen=True)
class Tuning:
    """How windows are decoded; their text depends on it, but never on what else is in a batch."""

    padding: Padding
    # Excerpts decoded together at most.
    group_size: int
    # Excerpts the encoder takes at a time. One alone stays in a core's cache; a GPU wants all.
    encoder_size: int
    # Whether windows are held to account. Without, each is decoded once and believed.
    guards: bool = True
