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
    """Words of each segment; the segments' ends move to those of their words.

    Segments stay in order and apart, and none loses all of its length.
    """
    if alignment is None:
        return [[] for _ in segments]
    language = "en" if window.options.task == "translate" else hypothesis.language
    words: list[list[TimedWord]] = []
    first = 0
    free_ms = 0  # everything before it belongs to earlier segments
    limits_ms = [*(segment.start_ms for segment in segments[1:]), window.audio_ms]
    for segment, limit_ms in zip(segments, limits_ms, strict=True):
        last = first + len(segment.tokens)
        timed = time_words(
            split_words(segment.tokens, vocabulary, language),
            segment,
            alignment.times_ms[first : last + 1],
            alignment.probabilities[first:last],
            (free_ms, limit_ms),
        )
        if timed:
            _fit(segment, timed[0].start_ms, timed[-1].end_ms)
            free_ms = segment.end_ms
        words.append(timed)
        first = last
    return words


def _fit(segment: Segment, start_ms: int, end_ms: int) -> None:
    """Move the ends of a segment to those of its words, if these have any length."""
    if start_ms < end_ms:
        segment.start_ms, segment.end_ms = start_ms, end_ms
    else:
        segment.start_ms = min(segment.start_ms, start_ms)
        segment.end_ms = max(segment.end_ms, end_ms)
