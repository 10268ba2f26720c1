"""The RESULT of one window, as the contract wants it."""

from typing import Any

from fanscribe_whisper.batches import Window
from fanscribe_whisper.decoder import Alignment, Hypothesis
from fanscribe_whisper.segments import Segment, split_segments
from fanscribe_whisper.vocabulary import Vocabulary
from fanscribe_whisper.words import TimedWord, split_words, time_words


def build_result(
    window: Window, hypothesis: Hypothesis, alignment: Alignment | None, vocabulary: Vocabulary
) -> dict[str, Any]:
    """Build the RESULT object of a window; `alignment` is given if words were asked for.

    The scores are those of the whole window, in each of its segments.
    """
    segments = (
        []
        if hypothesis.silent
        else split_segments(
            hypothesis.tokens, vocabulary.end_of_text, vocabulary.timestamp_begin, window.audio_ms
        )
    )
    words = _words(window, hypothesis, segments, alignment, vocabulary)
    result: dict[str, Any] = {
        "language": hypothesis.language,
        "language_probability": hypothesis.language_probability,
        "segments": [
            {
                "start_ms": segment.start_ms,
                "end_ms": segment.end_ms,
                "text": text,
                "avg_logprob": hypothesis.avg_logprob,
                "no_speech_prob": hypothesis.no_speech_prob,
                "compression_ratio": hypothesis.compression_ratio,
                "words": [vars(word) for word in segment_words],
            }
            for segment, segment_words in zip(segments, words, strict=True)
            # White space between two timestamps is nothing to read.
            if (text := vocabulary.decode(segment.tokens).strip())
        ],
    }
    if hypothesis.truncated:
        result["truncated"] = True
    return result


def _words(
    window: Window,
    hypothesis: Hypothesis,
    segments: list[Segment],
    alignment: Alignment | None,
    vocabulary: Vocabulary,
) -> list[list[TimedWord]]:
    """Words of each segment; the segments' ends move to those of their words."""
    if alignment is None:
        return [[] for _ in segments]
    language = "en" if window.options.task == "translate" else hypothesis.language
    words: list[list[TimedWord]] = []
    first = 0
    free_ms = 0  # everything before it belongs to earlier segments
    for segment in segments:
        last = first + len(segment.tokens)
        timed = time_words(
            split_words(segment.tokens, vocabulary, language),
            segment,
            alignment.times_ms[first : last + 1],
            alignment.probabilities[first:last],
            (free_ms, window.audio_ms),
        )
        if timed:
            segment.start_ms, segment.end_ms = timed[0].start_ms, timed[-1].end_ms
            free_ms = segment.end_ms
        words.append(timed)
        first = last
    return words
