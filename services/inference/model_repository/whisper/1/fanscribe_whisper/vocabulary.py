"""Whisper's tokens: the special ones by name, text to tokens and back."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import tokenizers

TIMESTAMP_STEP_MS: Final = 20
# The longest prompt Whisper was trained with: half of its 448 positions, less <|startofprev|>.
PROMPT_TOKENS: Final = 223


class Vocabulary:
    """The vocabulary of one model. An English-only one has no languages and no tasks."""

    def __init__(self, weights: Path, *, multilingual: bool) -> None:
        self._tokenizer = tokenizers.Tokenizer.from_file(str(weights / "tokenizer.json"))
        self.multilingual = multilingual
        self.end_of_text = self._special("endoftext")
        self.timestamp_begin = self._special("notimestamps") + 1
        self._start = self._special("startoftranscript")
        self._previous = self._special("startofprev")
        self._translate = self._special("translate")

    def _special(self, name: str) -> int:
        token = self._tokenizer.token_to_id(f"<|{name}|>")
        if token is None:
            raise ValueError(f"tokenizer.json is not Whisper's: it has no <|{name}|>")
        return int(token)

    @property
    def languages(self) -> tuple[str, ...]:
        """Codes of the languages the model knows."""
        if not self.multilingual:
            return ("en",)
        # They stand between these two in every Whisper vocabulary.
        tokens = range(self._start + 1, self._translate)
        return tuple(sorted(str(self._tokenizer.id_to_token(token))[2:-2] for token in tokens))

    def start_sequence(self, language: str, task: str) -> list[int]:
        """Tokens that start a transcript; always the same number of them."""
        if not self.multilingual:
            return [self._start]
        return [self._start, self._special(language), self._special(task)]

    def prompt(self, initial_prompt: str) -> list[int]:
        """Tokens that stand before the start sequence; the end of a prompt that is too long."""
        if not initial_prompt.strip():
            return []
        return [self._previous, *self.encode(" " + initial_prompt.strip())[-PROMPT_TOKENS:]]

    def timestamp(self, time_ms: int) -> int:
        """Token of a time within a window; of the step of 20 ms that it falls in."""
        return self.timestamp_begin + time_ms // TIMESTAMP_STEP_MS

    def encode(self, text: str) -> list[int]:
        """Turn text into tokens, none of them special."""
        return list(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def decode(self, tokens: Sequence[int]) -> str:
        """Turn tokens into text, leaving out special tokens and timestamps."""
        return str(self._tokenizer.decode(self.text_tokens(tokens), skip_special_tokens=False))

    def text_tokens(self, tokens: Sequence[int]) -> list[int]:
        """Only those of `tokens` that are text."""
        return [token for token in tokens if token < self.end_of_text]
