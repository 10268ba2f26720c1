"""What a caller may ask for, checked."""

import re
from dataclasses import dataclass
from typing import Final

from fanscribe.runtime.errors import FanscribeError, Reason

MACRO_CHUNK_S: Final = range(30, 3600 + 1)
MICRO_CHUNK_S: Final = range(5, 30 + 1)
LONGEST_PROMPT_CHARACTERS: Final = 1000
# In place of a language: each micro chunk in its own.
MULTILINGUAL: Final = "multi"

# The language and its subtags, RFC 5646 section 2.1, as loosely as is safe.
_LONGEST_TAG_CHARACTERS: Final = 64
_LANGUAGE_TAG: Final = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*")


@dataclass(frozen=True)
class Options:
    """Options of a job, complete and in range."""

    macro_chunk_s: int
    micro_chunk_s: int
    # ISO 639, two or three lower-case letters; MULTILINGUAL; empty: detect one for all.
    language: str
    translate: bool
    word_timestamps: bool
    initial_prompt: str
    audio_stream: int | None = None  # among the audio streams alone
    audio_language: str = ""  # of the audio stream, a BCP 47 tag

    def __post_init__(self) -> None:
        """Check the ranges; raises FanscribeError OPTION_OUT_OF_RANGE."""
        _check_range("macro_chunk_size_sec", self.macro_chunk_s, MACRO_CHUNK_S)
        _check_range("micro_chunk_size_sec", self.micro_chunk_s, MICRO_CHUNK_S)
        if len(self.initial_prompt) > LONGEST_PROMPT_CHARACTERS:
            raise FanscribeError(
                Reason.OPTION_OUT_OF_RANGE,
                f"initial_prompt has {len(self.initial_prompt)} characters; at most "
                f"{LONGEST_PROMPT_CHARACTERS} are allowed",
            )
        _check_tag("audio_language", self.audio_language)
        if self.audio_stream is not None and self.audio_language:
            raise FanscribeError(
                Reason.OPTION_OUT_OF_RANGE,
                "audio_stream and audio_language both choose an audio stream; give one of them",
            )


def language_of(tag: str) -> str:
    """Return the language of a BCP 47 tag ("pt-BR": "pt"), or MULTILINGUAL.

    Raises OPTION_OUT_OF_RANGE.
    """
    if tag.lower() == MULTILINGUAL:
        return MULTILINGUAL
    _check_tag("language", tag)
    return tag.partition("-")[0].lower()


def _check_tag(name: str, tag: str) -> None:
    if tag and not (len(tag) <= _LONGEST_TAG_CHARACTERS and _LANGUAGE_TAG.fullmatch(tag)):
        raise FanscribeError(
            Reason.OPTION_OUT_OF_RANGE,
            f"{name} {tag[:40]!r} is not a BCP 47 tag such as 'en' or 'pt-BR'; leave it empty for "
            "the default",
        )


def _check_range(name: str, value: int, allowed: range) -> None:
    if value not in allowed:
        raise FanscribeError(
            Reason.OPTION_OUT_OF_RANGE,
            f"{name} is {value}; it must be from {allowed[0]} to {allowed[-1]}",
        )
