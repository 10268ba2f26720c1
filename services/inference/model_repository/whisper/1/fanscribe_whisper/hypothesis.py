"""What the decoder made of an excerpt, and what that looks like from outside."""

import zlib
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

from fanscribe_whisper.excerpts import Excerpt


@dataclass(frozen=True)
class Search:
    """How text is looked for: greedily or with several beams.

    Always so that the same audio gives the same text: CTranslate2's sampling cannot be seeded for a
    call, so it is not used.
    """

    beams: int = 1
    # No run of so many tokens may come twice; 0: any may.
    unrepeated_tokens: int = 0


GREEDY: Final = Search()


@dataclass(frozen=True, eq=False)
class Encoded:
    """The encoder's output for a batch, whose excerpts were padded to `frames`."""

    states: Any  # a ctranslate2.StorageView
    frames: int


@dataclass(frozen=True, eq=False)
class Hypothesis:
    """The text of one excerpt, and the row of the encoder's output that the decoder read."""

    excerpt: Excerpt
    tokens: list[int]
    text: str
    # Of its tokens, without those that were known before.
    avg_logprob: float
    no_speech_prob: float
    # It ran out of positions: text may be missing.
    truncated: bool
    language: str
    language_probability: float
    encoded: Encoded
    row: int
    search: Search = GREEDY

    def excerpt_again(self, **changes: Any) -> Excerpt:
        """Its excerpt with `changes`, to be decoded again in the same language."""
        language = self.language, self.language_probability
        return replace(self.excerpt, language=language, **changes)

    @cached_property
    def compression_ratio(self) -> float:
        """Length of the text over its length when compressed."""
        data = self.text.encode()
        return len(data) / len(zlib.compress(data))
