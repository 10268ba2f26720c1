"""The decoder: batches of windows in, tokens out, on CTranslate2."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import ctranslate2
import numpy as np

from fanscribe_whisper.batches import MAX_FRAMES, Window
from fanscribe_whisper.features import FRAMES_PER_S, log_mel
from fanscribe_whisper.vocabulary import Vocabulary

# Positions of Whisper's decoder, prompt included.
MAX_POSITIONS: Final = 448
# The encoder halves the features' 100 frames a second.
ENCODER_STEP_MS: Final = 20
# In windows below 30 s: more than is spoken in most languages, but a loop ends early. Whoever needs
# more is decoded again at 30 s, with all positions.
TOKENS_PER_S: Final = 10
EXTRA_TOKENS: Final = 24
# OpenAI's thresholds: above, text repeats itself; beyond both others, there was no speech.
MAX_COMPRESSION_RATIO: Final = 2.4
NO_SPEECH_PROB: Final = 0.6
NO_SPEECH_LOGPROB: Final = -1.0


@dataclass(frozen=True, eq=False)
class Hypothesis:
    """What the decoder made of one window, and the row of the encoder output it read."""

    tokens: list[int]
    text: str
    avg_logprob: float
    no_speech_prob: float
    # It ran out of positions: text may be missing.
    truncated: bool
    language: str
    language_probability: float
    encoded: ctranslate2.StorageView
    row: int

    @cached_property
    def compression_ratio(self) -> float:
        """Length of the text over its length when compressed."""
        data = self.text.encode()
        return len(data) / len(zlib.compress(data))

    @property
    def looping(self) -> bool:
        """Whether the decoder seems to have been caught in a loop."""
        return self.truncated or self.compression_ratio > MAX_COMPRESSION_RATIO

    @property
    def silent(self) -> bool:
        """Whether there was no speech to be transcribed."""
        return self.no_speech_prob > NO_SPEECH_PROB and self.avg_logprob < NO_SPEECH_LOGPROB


@dataclass(frozen=True)
class Alignment:
    """When the text tokens of a window were spoken, and how probable each is."""

    # Starts in milliseconds, and one more: the end of the last token.
    times_ms: list[int]
    probabilities: list[float]


class Decoder:
    """A Whisper model in CTranslate2's format.

    `weights` is its folder; `device` "cpu" or "cuda"; `threads` are those of one batch.
    """

    def __init__(
        self, weights: Path, *, device: str, device_index: int, compute_type: str, threads: int
    ) -> None:
        self._model = ctranslate2.models.Whisper(
            str(weights),
            device=device,
            device_index=device_index,
            compute_type=compute_type,
            inter_threads=1,
            intra_threads=threads,
        )
        self.vocabulary = Vocabulary(weights, multilingual=self._model.is_multilingual)

    def decode(self, windows: Sequence[Window], frames: int) -> list[Hypothesis]:
        """Decode one batch, every window of it padded to `frames` and with a prompt of one length.

        One pass of the encoder, one of language detection if any window needs it, one of greedy
        decoding with timestamps.
        """
        features = np.stack([log_mel(w.samples, self._model.n_mels, frames) for w in windows])
        encoded = self._model.encode(ctranslate2.StorageView.from_array(features))
        languages = self._languages(windows, encoded)
        prompts = [
            window.prompt + self.vocabulary.start_sequence(language, window.options.task)
            for window, (language, _) in zip(windows, languages, strict=True)
        ]
        budget, max_length = _limits(len(prompts[0]), frames)
        results = self._model.generate(
            encoded,
            prompts,
            beam_size=1,
            max_length=max_length,
            return_scores=True,
            return_no_speech_prob=True,
        )
        return [
            self._hypothesis(result, budget, language, encoded, row)
            for row, (result, language) in enumerate(zip(results, languages, strict=True))
        ]

    def align(
        self,
        hypotheses: Sequence[Hypothesis],
        start_sequence: Sequence[int],
        frames: Sequence[int],
    ) -> list[Alignment]:
        """Find when each text token was spoken, by the decoder's attention to the audio.

        The hypotheses share one encoder output and one start sequence, and have text; `frames`
        tells how much of each window is audio.
        """
        results = self._model.align(
            _rows(hypotheses[0].encoded, [hypothesis.row for hypothesis in hypotheses]),
            list(start_sequence),
            [self.vocabulary.text_tokens(hypothesis.tokens) for hypothesis in hypotheses],
            list(frames),
        )
        return [
            Alignment(_first_steps_ms(result.alignments), result.text_token_probs)
            for result in results
        ]

    def _languages(
        self, windows: Sequence[Window], encoded: ctranslate2.StorageView
    ) -> list[tuple[str, float]]:
        """Language and its probability for each window of a batch, detected where not given."""
        if not self.vocabulary.multilingual:
            return [("en", 1.0)] * len(windows)
        given = [(window.options.language, 1.0) for window in windows]
        if all(language for language, _ in given):
            return given
        detected = self._model.detect_language(encoded)
        return [
            known if known[0] else (ranking[0][0][2:-2], float(ranking[0][1]))
            for known, ranking in zip(given, detected, strict=True)
        ]

    def _hypothesis(
        self,
        result: Any,
        budget: int,
        language: tuple[str, float],
        encoded: ctranslate2.StorageView,
        row: int,
    ) -> Hypothesis:
        tokens: list[int] = result.sequences_ids[0]
        return Hypothesis(
            tokens=tokens,
            text=self.vocabulary.decode(tokens).strip(),
            # The score is a mean over the tokens; the end of text counts as one more.
            avg_logprob=result.scores[0] * len(tokens) / (len(tokens) + 1),
            no_speech_prob=result.no_speech_prob,
            truncated=len(tokens) >= budget,
            language=language[0],
            language_probability=language[1],
            encoded=encoded,
            row=row,
        )


def _limits(prompt_tokens: int, frames: int) -> tuple[int, int]:
    """Tokens a window may get, and the `max_length` that makes CTranslate2 stop there.

    CTranslate2 stops at half of `max_length`, or where `max_length` is full, all but the last
    token of the prompt included, whatever comes first.
    """
    used = prompt_tokens - 1
    budget = MAX_POSITIONS - used
    if frames < MAX_FRAMES:
        budget = min(budget, frames * TOKENS_PER_S // FRAMES_PER_S + EXTRA_TOKENS)
    return budget, budget + max(budget, used)


def _first_steps_ms(path: Sequence[tuple[int, int]]) -> list[int]:
    """Read off an alignment path of (token, 20 ms step) when each token begins."""
    times_ms: list[int] = []
    for token, step in path:
        if token == len(times_ms):
            times_ms.append(step * ENCODER_STEP_MS)
    return times_ms


def _rows(encoded: ctranslate2.StorageView, rows: Sequence[int]) -> ctranslate2.StorageView:
    if list(rows) == list(range(encoded.shape[0])):
        return encoded
    on_cpu = np.asarray(encoded.to_device(ctranslate2.Device.cpu))
    return ctranslate2.StorageView.from_array(np.ascontiguousarray(on_cpu[list(rows)]))
