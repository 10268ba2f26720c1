"""Words: which tokens make one, and when it was spoken."""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from fanscribe_whisper.segments import Segment
from fanscribe_whisper.vocabulary import Vocabulary
from fanscribe_whisper.writing import is_unspaced

# How far the words may move the ends of a segment: attention is finer than timestamp tokens, but
# now and then it strays.
SLACK_MS: Final = 500
# Punctuation to Unicode, but spoken.
SPOKEN_SIGNS: Final = frozenset("%&@#§")


@dataclass
class Word:
    """A word with its punctuation. Its sound is that of tokens [first_token, last_token)."""

    text: str
    first_token: int
    last_token: int


@dataclass(frozen=True)
class TimedWord:
    """A word and when it was spoken, in milliseconds from the window's start."""

    text: str
    start_ms: int
    end_ms: int
    probability: float


def split_words(tokens: Sequence[int], vocabulary: Vocabulary, language: str) -> list[Word]:
    """Split text tokens into words.

    Punctuation belongs to the word before it, opening punctuation to the one after it.
    """
    words: list[Word] = []
    opening = ""
    for piece in _pieces(tokens, vocabulary, spaced=not is_unspaced(language)):
        bare = piece.text.strip()
        if not _is_punctuation(bare):
            words.append(Word(opening + bare, piece.first_token, piece.last_token))
            opening = ""
        elif words and not opening and not _is_opening(bare):
            words[-1].text += piece.text.rstrip()
        else:
            opening += bare
    if opening and words:  # but no word after it
        words[-1].text += opening
    elif opening:
        words.append(Word(opening, 0, len(tokens)))
    return words


def time_words(
    words: Sequence[Word],
    segment: Segment,
    token_times_ms: Sequence[int],
    probabilities: Sequence[float],
    bounds_ms: tuple[int, int],
) -> list[TimedWord]:
    """Give each word of a segment its time, in order and without overlap, within `bounds_ms`.

    `token_times_ms` and `probabilities` are those of the segment's text tokens; the times have one
    more, the end of the last token.
    """
    low_ms = max(bounds_ms[0], segment.start_ms - SLACK_MS)
    high_ms = max(low_ms, min(bounds_ms[1], segment.end_ms + SLACK_MS))
    timed: list[TimedWord] = []
    for word in words:
        start_ms = min(max(token_times_ms[word.first_token], low_ms), high_ms)
        end_ms = min(max(token_times_ms[word.last_token], start_ms), high_ms)
        sounding = probabilities[word.first_token : word.last_token]
        timed.append(TimedWord(word.text, start_ms, end_ms, sum(sounding) / len(sounding)))
        low_ms = end_ms
    return timed


def _pieces(tokens: Sequence[int], vocabulary: Vocabulary, *, spaced: bool) -> Iterator[Word]:
    """Split tokens at spaces, or where there are none into characters; nothing is trimmed."""
    piece: Word | None = None
    for text, first, last in _characters(tokens, vocabulary):
        if piece is None:
            piece = Word(text, first, last)
        elif spaced and not text[:1].isspace():
            piece.text += text
            if not _is_punctuation(text):
                piece.last_token = last
        else:
            yield piece
            piece = Word(text, first, last)
    if piece is not None:
        yield piece


def _characters(tokens: Sequence[int], vocabulary: Vocabulary) -> Iterator[tuple[str, int, int]]:
    """Yield the shortest runs of tokens that are whole characters: text, first and last token."""
    first = 0
    for last in range(1, len(tokens) + 1):
        text = vocabulary.decode(tokens[first:last])
        # A character's bytes may be spread over several tokens.
        if not text.endswith("\ufffd") or last == len(tokens):
            yield text, first, last
            first = last


def _is_punctuation(text: str) -> bool:
    return all(
        character.isspace()
        or (unicodedata.category(character).startswith("P") and character not in SPOKEN_SIGNS)
        for character in text
    )


def _is_opening(text: str) -> bool:
    return all(unicodedata.category(character) in {"Ps", "Pi"} for character in text)
