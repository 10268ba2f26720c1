"""How many words, or characters, a transcript got wrong."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final, Self

import jiwer
from whisper_normalizer.basic import BasicTextNormalizer
from whisper_normalizer.english import EnglishTextNormalizer

# Written without spaces between words, or with spaces where the writer likes.
BY_CHARACTER: Final = ("zh", "ja", "ko")


@dataclass(frozen=True)
class WordErrors:
    """Words (or characters) replaced, missing and added, both sides normalised."""

    substitutions: int
    deletions: int
    insertions: int
    reference_words: int

    @property
    def rate(self) -> float:
        """Error rate: 0 is perfect, and it can exceed 1."""
        return (self.substitutions + self.deletions + self.insertions) / self.reference_words

    def __str__(self) -> str:
        """Tell the rate, and the words replaced, missing and added."""
        return f"{self.rate:.2%} ({self.substitutions} {self.deletions} {self.insertions})"

    def __add__(self, other: Self) -> Self:
        """Errors of both together."""
        return type(self)(
            self.substitutions + other.substitutions,
            self.deletions + other.deletions,
            self.insertions + other.insertions,
            self.reference_words + other.reference_words,
        )


NO_ERRORS: Final = WordErrors(0, 0, 0, 0)


def word_errors(reference: str, hypothesis: str, language: str = "en") -> WordErrors:
    """Align the words of `hypothesis` to those of `reference`, which must have some.

    In the languages BY_CHARACTER characters count instead.
    """
    normalise = _normaliser(language)
    measured = jiwer.process_words(normalise(reference), normalise(hypothesis))
    return WordErrors(
        substitutions=measured.substitutions,
        deletions=measured.deletions,
        insertions=measured.insertions,
        reference_words=measured.hits + measured.substitutions + measured.deletions,
    )


def words_of(text: str) -> list[str]:
    """Words of English text, normalised."""
    return _normaliser("en")(text).split()


def found_words(reference: Sequence[str], heard: Sequence[str]) -> list[int | None]:
    """Tell for each word of `reference` which word of `heard` it is; None: none of them."""
    measured = jiwer.process_words(" ".join(reference), " ".join(heard))
    found: list[int | None] = [None] * len(reference)
    for chunk in measured.alignments[0]:
        if chunk.type == "equal":
            for step in range(chunk.ref_end_idx - chunk.ref_start_idx):
                found[chunk.ref_start_idx + step] = chunk.hyp_start_idx + step
    return found


def errors_after(reference: str, hypothesis: str, preface: str) -> WordErrors:
    """Errors in English, but for those in the words of `preface`, which come first in both."""
    normalise = _normaliser("en")
    spoken = normalise(f"{preface} {reference}")
    skipped = len(normalise(preface).split())
    measured = jiwer.process_words(spoken, normalise(hypothesis))
    substitutions = deletions = insertions = 0
    for chunk in measured.alignments[0]:
        counted = chunk.ref_end_idx - max(chunk.ref_start_idx, skipped)
        if chunk.type == "substitute":
            substitutions += max(0, counted)
        elif chunk.type == "delete":
            deletions += max(0, counted)
        elif chunk.type == "insert" and chunk.ref_start_idx >= skipped:
            insertions += chunk.hyp_end_idx - chunk.hyp_start_idx
    return WordErrors(substitutions, deletions, insertions, len(spoken.split()) - skipped)


@cache
def _normaliser(language: str) -> Callable[[str], str]:
    if language == "en":
        english: Callable[[str], str] = EnglishTextNormalizer()
        return english
    basic: Callable[[str], str] = BasicTextNormalizer()
    if language in BY_CHARACTER:
        # Every character becomes a word of its own.
        return lambda text: " ".join(basic(text).replace(" ", ""))
    return basic
