"""How words are written: with spaces between them or not, and what of a word is letters."""

from typing import Final

# Written without spaces between words: every character counts as a word.
UNSPACED_LANGUAGES: Final = frozenset({"zh", "ja", "th", "lo", "my", "yue"})


def is_unspaced(language: str) -> bool:
    """Whether a language is written without spaces between words."""
    return language in UNSPACED_LANGUAGES


def bare(word: str) -> str:
    """Leave of a word its letters and digits, in lower case."""
    return "".join(character for character in word.lower() if character.isalnum())


def bare_words(text: str) -> list[str]:
    """Words of a text as they stand between spaces, bare."""
    return [bare(word) for word in text.split()]
