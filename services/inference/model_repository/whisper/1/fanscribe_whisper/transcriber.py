"""From windows of speech to results: decode, hold to account, put in words."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fanscribe_whisper import guards
from fanscribe_whisper.batches import MAX_AUDIO_MS, Excerpt, Window, batches, whole
from fanscribe_whisper.decoder import Alignment, Decoder
from fanscribe_whisper.features import FRAMES_PER_S, SAMPLE_RATE, Floats
from fanscribe_whisper.hypothesis import Hypothesis
from fanscribe_whisper.options import RequestError, parse_options
from fanscribe_whisper.results import build_result
from fanscribe_whisper.scrutiny import Scrutiny
from fanscribe_whisper.tuning import Tuning

MAX_SAMPLES: Final = MAX_AUDIO_MS * SAMPLE_RATE // 1000
# Attention needs some steps to be spread over; a shorter excerpt lends them from its padding.
MIN_ALIGNED_FRAMES: Final = 40


class AbandonedError(Exception):
    """Nobody waits for the windows of a group any more."""


class Transcriber:
    """Transcribes windows in groups of like length."""

    def __init__(self, decoder: Decoder, tuning: Tuning) -> None:
        self._decoder = decoder
        self._vocabulary = decoder.vocabulary
        self._tuning = tuning
        self._ahead = ThreadPoolExecutor(1, "features")

    def window(self, samples: npt.NDArray[np.int16], options_json: str | bytes) -> Window:
        """Check one request; raises RequestError if it cannot be done."""
        options = parse_options(options_json, self._vocabulary.languages)
        if not 0 < len(samples) <= MAX_SAMPLES:
            raise RequestError(
                f"AUDIO must hold 1 to {MAX_SAMPLES} samples (30 s at 16 kHz), not {len(samples)}"
            )
        return Window(samples, options, self._vocabulary.prompt(options.initial_prompt))

    def transcribe(
        self,
        windows: Sequence[Window],
        abandoned: Callable[[Window], bool] = lambda _: False,
    ) -> Iterator[tuple[Window, dict[str, Any] | None]]:
        """Transcribe windows group by group; yields each with its RESULT object, in any order.

        `abandoned` is asked between the steps of a group. A group that nobody waits for is not
        computed to its end: its windows come without a result.
        """
        groups = batches(map(whole, windows), self._tuning.padding, self._tuning.group_size)
        for group, features in self._with_features(groups):
            check = partial(_check, group, abandoned)
            scrutiny = Scrutiny(self._decoder, self._tuning, check)
            try:
                heard = self._heard(group, features, scrutiny)
            except AbandonedError:
                yield from ((excerpt.window, None) for excerpt in group)
            else:
                yield from self._results(heard)

    def _with_features(
        self, groups: Sequence[tuple[int, list[Excerpt]]]
    ) -> Iterator[tuple[list[Excerpt], Floats]]:
        """Pair each group with its features; the next ones are computed while one is decoded."""
        ahead = [
            self._ahead.submit(self._decoder.features, group, frames) for frames, group in groups
        ]
        for (_, group), features in zip(groups, ahead, strict=True):
            yield group, features.result()

    def _heard(
        self, group: Sequence[Excerpt], features: Floats, scrutiny: Scrutiny
    ) -> dict[Window, list[Hypothesis]]:
        first = scrutiny.decoded(group, features)
        if not self._tuning.guards:
            return {hypothesis.excerpt.window: [hypothesis] for hypothesis in first}
        return scrutiny.accounted(scrutiny.settled(first))

    def _results(
        self, heard: dict[Window, list[Hypothesis]]
    ) -> Iterator[tuple[Window, dict[str, Any]]]:
        alignments = self._align([one for several in heard.values() for one in several])
        for window, hypotheses in heard.items():
            yield window, build_result(window, hypotheses, alignments, self._vocabulary)

    def _align(self, hypotheses: Sequence[Hypothesis]) -> dict[Hypothesis, Alignment]:
        """Align those that need words and have any, as many at once as possible."""
        groups: dict[tuple[int, tuple[int, ...]], list[Hypothesis]] = defaultdict(list)
        for hypothesis in hypotheses:
            options = hypothesis.excerpt.window.options
            if options.word_timestamps and hypothesis.text and not guards.silent(hypothesis):
                start = self._vocabulary.start_sequence(hypothesis.language, options.task)
                groups[id(hypothesis.encoded), tuple(start)].append(hypothesis)
        alignments: dict[Hypothesis, Alignment] = {}
        for (_, start_sequence), group in groups.items():
            frames = [
                max(MIN_ALIGNED_FRAMES, one.excerpt.audio_ms * FRAMES_PER_S // 1000)
                for one in group
            ]
            aligned = self._decoder.align(group, start_sequence, frames)
            alignments.update(zip(group, aligned, strict=True))
        return alignments


def _check(group: Sequence[Excerpt], abandoned: Callable[[Window], bool]) -> None:
    """Raise AbandonedError if nobody waits for any window of a group."""
    if all(abandoned(excerpt.window) for excerpt in group):
        raise AbandonedError
