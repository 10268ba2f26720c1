"""Hypotheses as the decoder would have made them, without a decoder."""

import numpy as np
from fanscribe_whisper.excerpts import Excerpt, Window, whole
from fanscribe_whisper.hypothesis import Encoded, Hypothesis
from fanscribe_whisper.options import Options, Stretches
from fanscribe_whisper.vocabulary import TIMESTAMP_STEP_MS, Vocabulary


def excerpt(
    audio_ms: int = 10_000, speech: Stretches | None = None, hop_samples: int = 160
) -> Excerpt:
    samples = np.zeros(audio_ms * 16, np.int16)
    return whole(Window(samples, Options(speech=speech), [], hop_samples))


def hypothesis(
    vocabulary: Vocabulary,
    *segments: tuple[int, str, int],
    logprob: float = -0.3,
    no_speech_prob: float = 0.1,
    of: Excerpt | None = None,
    language: str = "en",
) -> Hypothesis:
    """Make what the decoder would have said for segments of (start_ms, text, end_ms)."""
    begin = vocabulary.timestamp_begin
    tokens = [
        token
        for start_ms, text, end_ms in segments
        for token in (
            begin + start_ms // TIMESTAMP_STEP_MS,
            *vocabulary.encode(" " + text),
            begin + end_ms // TIMESTAMP_STEP_MS,
        )
    ]
    return Hypothesis(
        excerpt=of or excerpt(),
        tokens=tokens,
        text=vocabulary.decode(tokens).strip(),
        avg_logprob=logprob,
        no_speech_prob=no_speech_prob,
        truncated=False,
        language=language,
        language_probability=1.0,
        encoded=Encoded(None, 1100),
        row=0,
    )
