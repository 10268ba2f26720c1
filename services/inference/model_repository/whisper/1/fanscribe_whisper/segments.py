"""Segments: what Whisper's timestamp tokens say about its text."""

from collections.abc import Sequence
from dataclasses import dataclass

from fanscribe_whisper.vocabulary import TIMESTAMP_STEP_MS


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
