"""How many words a transcript got wrong."""

from dataclasses import dataclass
from functools import cache

import jiwer
from whisper_normalizer.english import EnglishTextNormalizer


@dataclass(frozen=True)
class WordErrors:
    """Words replaced, missing and added, after Whisper's English normaliser on both sides."""

    substitutions: int
    deletions: int
    insertions: int
    reference_words: int

    @property
    def rate(self) -> float:
        """Word error rate: 0 is perfect, and it can exceed 1."""
        return (self.substitutions + self.deletions + self.insertions) / self.reference_words


def word_errors(reference: str, hypothesis: str) -> WordErrors:
    """Align the words of `hypothesis` to those of `reference`, which must have some."""
    normalise = _normaliser()
    measured = jiwer.process_words(normalise(reference), normalise(hypothesis))
    return WordErrors(
        substitutions=measured.substitutions,
        deletions=measured.deletions,
        insertions=measured.insertions,
        reference_words=measured.hits + measured.substitutions + measured.deletions,
    )


@cache
def _normaliser() -> EnglishTextNormalizer:
    return EnglishTextNormalizer()
