"""From windows of speech to results: decode, look again at what looks wrong, put it in words."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fanscribe_whisper.batches import MAX_AUDIO_MS, MAX_FRAMES, Window, batches, padded_frames
from fanscribe_whisper.decoder import Alignment, Decoder, Hypothesis
from fanscribe_whisper.features import FRAMES_PER_S, SAMPLE_RATE
from fanscribe_whisper.options import RequestError, parse_options
from fanscribe_whisper.results import build_result

# Attention needs some steps to be spread over; a shorter window lends them from its padding.
MIN_ALIGNED_FRAMES: Final = 40
MAX_SAMPLES: Final = MAX_AUDIO_MS * SAMPLE_RATE // 1000


class Transcriber:
    """Transcribes windows in batches; `bucket_ms` is the step of the sizes they are padded to."""

    def __init__(self, decoder: Decoder, *, bucket_ms: int) -> None:
        self._decoder = decoder
        self._vocabulary = decoder.vocabulary
        self._bucket_ms = bucket_ms

    def window(self, samples: npt.NDArray[np.int16], options_json: str | bytes) -> Window:
        """Check one request; raises RequestError if it cannot be done."""
        options = parse_options(options_json, self._vocabulary.languages)
        if not 0 < len(samples) <= MAX_SAMPLES:
            raise RequestError(
                f"AUDIO must hold 1 to {MAX_SAMPLES} samples (30 s at 16 kHz), not {len(samples)}"
            )
        return Window(samples, options, self._vocabulary.prompt(options.initial_prompt))

    def transcribe(self, windows: Sequence[Window]) -> list[dict[str, Any]]:
        """Transcribe windows; returns a RESULT object for each, in their order.

        Windows whose text looks like a loop are decoded once more, padded to 30 s and with all the
        positions there are; the better text counts.
        """
        found: dict[Window, Hypothesis] = {}
        for frames, group in batches(windows, self._bucket_ms):
            found.update(zip(group, self._decoder.decode(group, frames), strict=True))
        again = [window for window in windows if found[window].looping and self._shortened(window)]
        for frames, group in batches(again, MAX_AUDIO_MS):
            for window, hypothesis in zip(group, self._decoder.decode(group, frames), strict=True):
                found[window] = _better(found[window], hypothesis)
        alignments = self._align(found)
        return [
            build_result(window, found[window], alignments.get(window), self._vocabulary)
            for window in windows
        ]

    def _shortened(self, window: Window) -> bool:
        return padded_frames(window.audio_ms, self._bucket_ms) < MAX_FRAMES

    def _align(self, found: dict[Window, Hypothesis]) -> dict[Window, Alignment]:
        """Align the windows that asked for words and have any, as many at once as possible."""
        groups: dict[tuple[int, tuple[int, ...]], list[Window]] = defaultdict(list)
        for window, hypothesis in found.items():
            if window.options.word_timestamps and hypothesis.text and not hypothesis.silent:
                start = self._vocabulary.start_sequence(hypothesis.language, window.options.task)
                groups[id(hypothesis.encoded), tuple(start)].append(window)
        alignments: dict[Window, Alignment] = {}
        for (_, start_sequence), group in groups.items():
            frames = [
                max(MIN_ALIGNED_FRAMES, window.audio_ms * FRAMES_PER_S // 1000) for window in group
            ]
            hypotheses = [found[window] for window in group]
            aligned = self._decoder.align(hypotheses, start_sequence, frames)
            alignments.update(zip(group, aligned, strict=True))
        return alignments


def _better(first: Hypothesis, second: Hypothesis) -> Hypothesis:
    if first.looping != second.looping:
        return second if first.looping else first
    return max(first, second, key=lambda hypothesis: hypothesis.avg_logprob)
