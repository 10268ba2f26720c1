"""Segments: what Whisper's timestamp tokens say about its text."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from fanscribe_whisper.excerpts import Excerpt
from fanscribe_whisper.hypothesis import Hypothesis
from fanscribe_whisper.vocabulary import TIMESTAMP_STEP_MS, Vocabulary
from fanscribe_whisper.writing import is_unspaced

# Nobody draws out words for longer than the first, on average; where somebody seems to, they are
# believed to have taken the second.
LONGEST_WORD_MS: Final = 1_000
USUAL_WORD_MS: Final = 400


@dataclass
class Segment:
    """A stretch of one window and its text tokens. Milliseconds from the window's start."""

    start_ms: int
    end_ms: int
    tokens: list[int]


def split_segments(
    tokens: Sequence[int], end_of_text: int, timestamp_begin: int, audio_ms: int
) -> list[Segment]:
    """Split a window's tokens at its timestamps, in time order and within [0, audio_ms).

    No text token is lost: text without an opening timestamp starts where the text before it ended,
    text without a closing one lasts to the end of the audio, and text that would have no length
    at all joins its neighbour (or, for want of one, gets the whole window).
    """
    segments: list[Segment] = []
    text: list[int] = []
    start_ms = 0

    def close(end_ms: int) -> None:
        if text and end_ms > start_ms:
            segments.append(Segment(start_ms, end_ms, text.copy()))
            text.clear()
        elif segments:
            segments[-1].tokens.extend(text)
            text.clear()

    for token in tokens:
        if token >= timestamp_begin:
            time_ms = min((token - timestamp_begin) * TIMESTAMP_STEP_MS, audio_ms)
            close(time_ms)
            start_ms = max(start_ms, time_ms)
        elif token < end_of_text:
            text.append(token)
    close(audio_ms)
    return segments if not text else [Segment(0, audio_ms, text)]


def segments_of(hypothesis: Hypothesis, vocabulary: Vocabulary) -> list[Segment]:
    """Segments of an excerpt's text; milliseconds from the excerpt's start.

    None lasts longer than its words can: three words with a timestamp at the end of a window are
    not all that was said in it.
    """
    segments = split_segments(
        hypothesis.tokens,
        vocabulary.end_of_text,
        vocabulary.timestamp_begin,
        hypothesis.excerpt.audio_ms,
    )
    if not is_unspaced(hypothesis.language):
        for segment in segments:
            words = len(vocabulary.decode(segment.tokens).split())
            segment.end_ms = _believed_end_ms(hypothesis.excerpt, segment, words)
    return segments


def _believed_end_ms(excerpt: Excerpt, segment: Segment, words: int) -> int:
    offset_ms = excerpt.start_ms
    stretches = excerpt.window.speech_within(
        offset_ms + segment.start_ms, offset_ms + segment.end_ms
    )
    speech_ms = sum(end_ms - start_ms for start_ms, end_ms in stretches)
    if speech_ms <= (words + 1) * LONGEST_WORD_MS:
        return segment.end_ms
    spoken_ms = words * USUAL_WORD_MS
    for start_ms, end_ms in stretches:
        if spoken_ms <= end_ms - start_ms:
            return start_ms + spoken_ms - offset_ms
        spoken_ms -= end_ms - start_ms
    return segment.end_ms
