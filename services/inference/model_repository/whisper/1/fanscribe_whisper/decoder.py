"""The decoder: batches of excerpts in, hypotheses out, on CTranslate2."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

import ctranslate2
import numpy as np

from fanscribe_whisper.batches import MAX_FRAMES, Excerpt
from fanscribe_whisper.cpu import use_wide_vectors
from fanscribe_whisper.features import FRAMES_PER_S, Floats, log_mel
from fanscribe_whisper.hypothesis import Encoded, Hypothesis
from fanscribe_whisper.vocabulary import Vocabulary

# Positions of Whisper's decoder, prompt included.
MAX_POSITIONS: Final = 448
# The encoder halves the features' 100 frames a second.
ENCODER_STEP_MS: Final = 20
# In excerpts below 30 s: more than is spoken in most languages, but a loop ends early. Whoever
# needs more is decoded again at 30 s, with all positions.
TOKENS_PER_S: Final = 10
EXTRA_TOKENS: Final = 24


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
        if device == "cpu":
            use_wide_vectors()
        self._model = ctranslate2.models.Whisper(
            str(weights),
            device=device,
            device_index=device_index,
            compute_type=compute_type,
            inter_threads=1,
            intra_threads=threads,
        )
        self.vocabulary = Vocabulary(weights, multilingual=self._model.is_multilingual)

    def features(self, excerpts: Sequence[Excerpt], frames: int) -> Floats:
        """Features of one batch, every excerpt of it padded to `frames`."""
        return np.stack([log_mel(e.samples, self._model.n_mels, frames) for e in excerpts])

    def encode(self, features: Floats, at_a_time: int) -> Encoded:
        """Encode one batch, so many excerpts at a time."""
        parts = [
            self._model.encode(ctranslate2.StorageView.from_array(features[first:last]))
            for first, last in pairwise((*range(0, len(features), at_a_time), len(features)))
        ]
        return Encoded(_joined(parts), frames=features.shape[-1])

    def decode(
        self, excerpts: Sequence[Excerpt], encoded: Encoded, search: Search = GREEDY
    ) -> list[Hypothesis]:
        """Decode one batch whose prompts are of one length, with timestamps.

        Detects the language of all, if any needs it.
        """
        languages = self._languages(excerpts, encoded)
        return self._generate(excerpts, languages, encoded, range(len(excerpts)), search)

    def decode_again(self, hypotheses: Sequence[Hypothesis], search: Search) -> list[Hypothesis]:
        """Decode excerpts of one batch once more, from the same encoder output."""
        return self._generate(
            [hypothesis.excerpt for hypothesis in hypotheses],
            [(hypothesis.language, hypothesis.language_probability) for hypothesis in hypotheses],
            hypotheses[0].encoded,
            [hypothesis.row for hypothesis in hypotheses],
            search,
        )

    def align(
        self,
        hypotheses: Sequence[Hypothesis],
        start_sequence: Sequence[int],
        frames: Sequence[int],
    ) -> list[Alignment]:
        """Find when each text token was spoken, by the decoder's attention to the audio.

        The hypotheses share one encoder output and one start sequence, and have text; `frames`
        tells how much of each excerpt is audio.
        """
        results = self._model.align(
            _rows(hypotheses[0].encoded.states, [hypothesis.row for hypothesis in hypotheses]),
            list(start_sequence),
            [self.vocabulary.text_tokens(hypothesis.tokens) for hypothesis in hypotheses],
            list(frames),
        )
        return [
            Alignment(_first_steps_ms(result.alignments), result.text_token_probs)
            for result in results
        ]

    def _languages(self, excerpts: Sequence[Excerpt], encoded: Encoded) -> list[tuple[str, float]]:
        """Language and its probability for each excerpt of a batch, detected where not given."""
        if not self.vocabulary.multilingual:
            return [("en", 1.0)] * len(excerpts)
        known = [excerpt.language for excerpt in excerpts if excerpt.language is not None]
        if len(known) == len(excerpts):
            return known
        detected = self._model.detect_language(encoded.states)
        return [
            excerpt.language or (ranking[0][0][2:-2], float(ranking[0][1]))
            for excerpt, ranking in zip(excerpts, detected, strict=True)
        ]

    def _generate(
        self,
        excerpts: Sequence[Excerpt],
        languages: Sequence[tuple[str, float]],
        encoded: Encoded,
        rows: Sequence[int],
        search: Search,
    ) -> list[Hypothesis]:
        prompts = [
            excerpt.prompt + self.vocabulary.start_sequence(language, excerpt.window.options.task)
            for excerpt, (language, _) in zip(excerpts, languages, strict=True)
        ]
        budget, max_length = _limits(len(prompts[0]), encoded.frames)
        results = self._model.generate(
            _rows(encoded.states, rows),
            prompts,
            beam_size=search.beams,
            no_repeat_ngram_size=search.unrepeated_tokens,
            max_length=max_length,
            return_scores=True,
            return_no_speech_prob=True,
        )
        return [
            Hypothesis(
                excerpt=excerpt,
                tokens=(tokens := result.sequences_ids[0]),
                text=self.vocabulary.decode(tokens).strip(),
                # The score is a mean over the tokens; the end of text counts as one more.
                avg_logprob=result.scores[0] * len(tokens) / (len(tokens) + 1),
                no_speech_prob=result.no_speech_prob,
                truncated=len(tokens) >= budget,
                language=language,
                language_probability=probability,
                encoded=encoded,
                row=row,
            )
            for result, excerpt, (language, probability), row in zip(
                results, excerpts, languages, rows, strict=True
            )
        ]


def _limits(prompt_tokens: int, frames: int) -> tuple[int, int]:
    """Tokens an excerpt may get, and the `max_length` that makes CTranslate2 stop there.

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


def _joined(parts: Sequence[ctranslate2.StorageView]) -> ctranslate2.StorageView:
    if len(parts) == 1:
        return parts[0]
    on_cpu = [np.asarray(part.to_device(ctranslate2.Device.cpu)) for part in parts]
    return ctranslate2.StorageView.from_array(np.concatenate(on_cpu))


def _rows(encoded: ctranslate2.StorageView, rows: Sequence[int]) -> ctranslate2.StorageView:
    if list(rows) == list(range(encoded.shape[0])):
        return encoded
    on_cpu = np.asarray(encoded.to_device(ctranslate2.Device.cpu))
    return ctranslate2.StorageView.from_array(np.ascontiguousarray(on_cpu[list(rows)]))
