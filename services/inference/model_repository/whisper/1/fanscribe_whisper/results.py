"""The RESULT of one window, as the contract wants it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from fanscribe_whisper.decoder import Alignment
from fanscribe_whisper.excerpts import Window, whole
from fanscribe_whisper.guards import silent, untold
from fanscribe_whisper.hypothesis import Hypothesis
from fanscribe_whisper.segments import Segment, segments_of
from fanscribe_whisper.vocabulary import Vocabulary
from fanscribe_whisper.words import TimedWord, split_words, time_words


def build_result(
    hypotheses: Sequence[Hypothesis],
    alignments: Mapping[Hypothesis, Alignment],
    vocabulary: Vocabulary,
) -> dict[str, Any]:
    """Build the RESULT object of a window from what was heard in it, in time order.

    The scores are those of a whole hypothesis, in each of its segments. There are `alignments` if
    words were asked for.
    """
    window = hypotheses[0].excerpt.window
    segments: list[dict[str, Any]] = []
    free_ms = 0
    for hypothesis in hypotheses:
        for segment in _segments(hypothesis, alignments.get(hypothesis), vocabulary):
            _move_to_speech(segment, window)
            segments.append(_within(segment, free_ms, window.audio_ms))
            free_ms = segments[-1]["end_ms"]
    result: dict[str, Any] = {
        "language": hypotheses[0].language,
        "language_probability": hypotheses[0].language_probability,
        "segments": segments,
    }
    if any(hypothesis.truncated for hypothesis in hypotheses):
        result["truncated"] = True
    if window.options.speech is not None:
        result["wordless_ms"] = window.in_audio_ms(_wordless_ms(window, segments))
    _count_in_audio(segments, window)
    return result


def _segments(
    hypothesis: Hypothesis, alignment: Alignment | None, vocabulary: Vocabulary
) -> Iterator[dict[str, Any]]:
    """Render the segments of a hypothesis; times from the window's start."""
    if silent(hypothesis):
        return
    start_ms = hypothesis.excerpt.start_ms
    segments = segments_of(hypothesis, vocabulary)
    words = _words(hypothesis, segments, alignment, vocabulary)
    for segment, segment_words in zip(segments, words, strict=True):
        # White space between two timestamps is nothing to read.
        if text := vocabulary.decode(segment.tokens).strip():
            yield {
                "start_ms": start_ms + segment.start_ms,
                "end_ms": start_ms + segment.end_ms,
                "text": text,
                "avg_logprob": hypothesis.avg_logprob,
                "no_speech_prob": hypothesis.no_speech_prob,
                "compression_ratio": hypothesis.compression_ratio,
                "words": [
                    vars(
                        replace(
                            word,
                            start_ms=start_ms + word.start_ms,
                            end_ms=start_ms + word.end_ms,
                        )
                    )
                    for word in segment_words
                ],
            }


def _move_to_speech(segment: dict[str, Any], window: Window) -> None:
    """Let what begins or ends in silence begin and end with the speech in it.

    Attention and timestamp tokens set in early and fade late: nobody speaks there.
    """
    for timed in (segment, *segment["words"]):
        heard = window.speech_within(timed["start_ms"], timed["end_ms"])
        if heard:
            timed["start_ms"], timed["end_ms"] = heard[0][0], heard[-1][1]
    # A word that lies all in silence stays where it is, and in its segment.
    for word in segment["words"]:
        segment["start_ms"] = min(segment["start_ms"], word["start_ms"])
        segment["end_ms"] = max(segment["end_ms"], word["end_ms"])


def _within(segment: dict[str, Any], free_ms: int, limit_ms: int) -> dict[str, Any]:
    """Move what overlaps the segment before; a hole is decoded with a margin around it."""
    for timed in (segment, *segment["words"]):
        timed["start_ms"] = min(max(timed["start_ms"], free_ms), limit_ms)
        timed["end_ms"] = min(max(timed["end_ms"], timed["start_ms"]), limit_ms)
    return segment


def _count_in_audio(segments: Sequence[dict[str, Any]], window: Window) -> None:
    """Give the times of segments and words as the sender counts them."""
    for segment in segments:
        for timed in (segment, *segment["words"]):
            timed["start_ms"] = window.in_audio_ms(timed["start_ms"])
            timed["end_ms"] = window.in_audio_ms(timed["end_ms"])


def _wordless_ms(window: Window, segments: Sequence[Mapping[str, Any]]) -> int:
    """Speech that is in no segment, where it is long enough to have been looked at again."""
    texts = [(segment["start_ms"], segment["end_ms"]) for segment in segments]
    return sum(window.speech_ms(start, end) for start, end in untold(whole(window), texts))


def _words(
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
    language = (
        "en" if hypothesis.excerpt.window.options.task == "translate" else hypothesis.language
    )
    words: list[list[TimedWord]] = []
    first = 0
    free_ms = 0  # everything before it belongs to earlier segments
    limits_ms = [*(segment.start_ms for segment in segments[1:]), hypothesis.excerpt.audio_ms]
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
