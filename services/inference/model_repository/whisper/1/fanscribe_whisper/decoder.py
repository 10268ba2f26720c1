"""The decoder: batches of excerpts in, hypotheses out, on CTranslate2."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import ctranslate2
import numpy as np
import numpy.typing as npt

from fanscribe_whisper.cpu import use_wide_vectors
from fanscribe_whisper.excerpts import MAX_FRAMES, Excerpt
from fanscribe_whisper.features import FRAMES_PER_S, log_mel
from fanscribe_whisper.hypothesis import Encoded, Hypothesis
from fanscribe_whisper.vocabulary import Vocabulary
from fanscribe_whisper.wants import Aligning, Decoding

# Positions of Whisper's decoder, prompt included.
MAX_POSITIONS: Final = 448
# The encoder halves the features' 100 frames a second.
ENCODER_STEP_MS: Final = 20
# In excerpts below 30 s: more than is spoken in most languages, but a loop ends early. Whoever
# needs more is decoded again at 30 s, with all positions.
TOKENS_PER_S: Final = 10
EXTRA_TOKENS: Final = 24


@dataclass(frozen=True)
class Alignment:
    """When the text tokens of a window were spoken, and how probable each is."""

    # Starts in milliseconds, and one more: the end of the last token.
    times_ms: list[int]
    probabilities: list[float]


class Decoder:
    """A Whisper model in CTranslate2's format.

    `weights` is its folder; `device` "cpu" or "cuda". On the CPU it works on so many batches at a
    time, each with so many threads.
    """

    def __init__(
        self,
        weights: Path,
        *,
        device: str,
        device_index: int,
        compute_type: str,
        batches: int,
        threads: int,
    ) -> None:
        if device == "cpu":
            use_wide_vectors()
        self._model = ctranslate2.models.Whisper(
            str(weights),
            device=device,
            device_index=device_index,
            compute_type=compute_type,
            inter_threads=batches if device == "cpu" else 1,
            intra_threads=threads,
        )
        self.vocabulary = Vocabulary(weights, multilingual=self._model.is_multilingual)

    def decode(
        self, wants: Sequence[Decoding], encoder_size: int, check: Callable[[], None]
    ) -> list[Hypothesis]:
        """Decode excerpts whose wants are of one kind, with timestamps.

        Encodes so many at a time, if they are not encoded yet, and detects the language of all if
        any needs it. `check` is called in between; what it raises ends the work.
        """
        sources = [want.heard for want in wants]
        heard = [source for source in sources if source is not None]
        if len(heard) == len(wants):
            states = _states(heard)
        else:
            states = self._encode(wants, encoder_size)
            check()
        languages = self._languages([want.excerpt for want in wants], states)
        return self._generate(wants, languages, Encoded(states, wants[0].frames))

    def align(self, wants: Sequence[Aligning], at_a_time: int) -> list[Alignment]:
        """Find when each text token was spoken, by the decoder's attention to the audio.

        The wants are of one kind. Aligned together, times may shift by a step with the company.
        """
        return [
            alignment
            for first in range(0, len(wants), at_a_time)
            for alignment in self._aligned(wants[first : first + at_a_time])
        ]

    def _aligned(self, wants: Sequence[Aligning]) -> Iterator[Alignment]:
        hypotheses = [want.hypothesis for want in wants]
        task = hypotheses[0].excerpt.window.options.task
        results = self._model.align(
            _states(hypotheses),
            self.vocabulary.start_sequence(hypotheses[0].language, task),
            [self.vocabulary.text_tokens(hypothesis.tokens) for hypothesis in hypotheses],
            [want.frames for want in wants],
        )
        for result in results:
            yield Alignment(_first_steps_ms(result.alignments), result.text_token_probs)

    def _encode(self, wants: Sequence[Decoding], at_a_time: int) -> ctranslate2.StorageView:
        features = [
            log_mel(
                want.excerpt.samples,
                self._model.n_mels,
                want.frames,
                want.excerpt.window.hop_samples,
            )
            for want in wants
        ]
        batches = (
            np.stack(features[first : first + at_a_time])
            for first in range(0, len(features), at_a_time)
        )
        return _joined(
            [self._model.encode(ctranslate2.StorageView.from_array(batch)) for batch in batches]
        )

    def _languages(
        self, excerpts: Sequence[Excerpt], states: ctranslate2.StorageView
    ) -> list[tuple[str, float]]:
        """Language and its probability for each excerpt of a batch, detected where not given."""
        if not self.vocabulary.multilingual:
            return [("en", 1.0)] * len(excerpts)
        known = [excerpt.language for excerpt in excerpts if excerpt.language is not None]
        if len(known) == len(excerpts):
            return known
        detected = self._model.detect_language(states)
        return [
            excerpt.language or (ranking[0][0][2:-2], float(ranking[0][1]))
            for excerpt, ranking in zip(excerpts, detected, strict=True)
        ]

    def _generate(
        self,
        wants: Sequence[Decoding],
        languages: Sequence[tuple[str, float]],
        encoded: Encoded,
    ) -> list[Hypothesis]:
        search = wants[0].search
        prompts = [
            self._given(want, language)
            for want, (language, _) in zip(wants, languages, strict=True)
        ]
        budget, max_length = _limits(len(prompts[0]), encoded.frames)
        results = self._model.generate(
            encoded.states,
            prompts,
            beam_size=search.beams,
            no_repeat_ngram_size=search.unrepeated_tokens,
            max_length=max_length,
            return_scores=True,
            return_no_speech_prob=True,
        )
        return [
            Hypothesis(
                excerpt=want.excerpt,
                tokens=(tokens := result.sequences_ids[0]),
                text=self.vocabulary.decode(tokens).strip(),
                # The score is a mean over all tokens, but those known were not rated; the end of
                # text counts as one more.
                avg_logprob=result.scores[0] * len(tokens) / (len(tokens) - len(want.known) + 1),
                no_speech_prob=result.no_speech_prob,
                truncated=len(tokens) - len(want.known) >= budget,
                language=language,
                language_probability=probability,
                encoded=encoded,
                row=row,
                search=search,
            )
            for row, (result, want, (language, probability)) in enumerate(
                zip(results, wants, languages, strict=True)
            )
        ]

    def _given(self, want: Decoding, language: str) -> list[int]:
        start = self.vocabulary.start_sequence(language, want.excerpt.window.options.task)
        return [*want.excerpt.prompt, *start, *want.known]


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
    return parts[0] if len(parts) == 1 else _batch([_array(part) for part in parts])


def _states(hypotheses: Sequence[Hypothesis]) -> ctranslate2.StorageView:
    """Collect the encoder's output that hypotheses were read from, all of one size."""
    whole = hypotheses[0].encoded
    if [(one.encoded, one.row) for one in hypotheses] == [
        (whole, row) for row in range(whole.states.shape[0])
    ]:
        return whole.states
    return _batch([_array(one.encoded.states)[one.row : one.row + 1] for one in hypotheses])


def _array(states: ctranslate2.StorageView) -> npt.NDArray[Any]:
    return np.asarray(states.to_device(ctranslate2.Device.cpu))


def _batch(parts: Sequence[npt.NDArray[Any]]) -> ctranslate2.StorageView:
    return ctranslate2.StorageView.from_array(np.concatenate(parts))
