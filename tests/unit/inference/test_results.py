"""Times of a RESULT: with the speech, in order, words inside their segments."""

from typing import Any

import numpy as np
from fanscribe_whisper.excerpts import Window
from fanscribe_whisper.options import Options, Stretches
from fanscribe_whisper.results import _move_to_speech

SPEECH = ((1000, 2000), (3000, 4000))


def window(speech: Stretches | None) -> Window:
    return Window(np.zeros(5 * 16_000, np.int16), Options(speech=speech), [])


def timed(start_ms: int, end_ms: int, *words: tuple[int, int]) -> dict[str, Any]:
    return {
        "start_ms": start_ms,
        "end_ms": end_ms,
        "words": [{"start_ms": start, "end_ms": end} for start, end in words],
    }


def moved(segment: dict[str, Any]) -> dict[str, Any]:
    _move_to_speech(segment, window(SPEECH))
    return segment


def test_what_begins_or_ends_in_silence_begins_and_ends_with_the_speech() -> None:
    heard = moved(timed(400, 2600, (400, 1200), (1200, 2600)))
    assert heard == timed(1000, 2000, (1000, 1200), (1200, 2000))


def test_speech_on_both_sides_of_a_pause_keeps_it() -> None:
    assert moved(timed(1500, 3500)) == timed(1500, 3500)


def test_a_word_in_silence_stays_there_and_in_its_segment() -> None:
    heard = moved(timed(1200, 2900, (1200, 2000), (2300, 2700)))
    assert heard == timed(1200, 2700, (1200, 2000), (2300, 2700))


def test_without_known_speech_times_stay() -> None:
    segment = timed(0, 900)
    _move_to_speech(segment, window(None))
    assert segment == timed(0, 900)
