"""Times of a RESULT: with the speech, in order, words inside their segments."""

from typing import Any

import numpy as np
from fanscribe_whisper.decoder import Alignment
from fanscribe_whisper.excerpts import Window
from fanscribe_whisper.options import Options, Stretches
from fanscribe_whisper.results import _move_to_speech, build_result
from fanscribe_whisper.vocabulary import Vocabulary

from tests.support.hypotheses import excerpt, hypothesis

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


def test_with_a_longer_hop_times_are_those_of_the_audio(vocabulary: Vocabulary) -> None:
    # In 10 s of audio, somebody speaks from 1 s to 4 s and from 8 s to 9.5 s.
    of = excerpt(10_000, ((1000, 4000), (8000, 9500)), hop_samples=200)
    said = hypothesis(vocabulary, (800, "Good morning.", 3200), of=of)
    aligned = {said: Alignment([800, 1600, 3200, 3200], [0.9, 0.9, 0.9])}
    result = build_result([said], aligned, vocabulary)
    [segment] = result["segments"]
    assert (segment["start_ms"], segment["end_ms"]) == (1000, 4000)
    words = [(word["text"], word["start_ms"], word["end_ms"]) for word in segment["words"]]
    assert words == [("Good", 1000, 2000), ("morning.", 2000, 4000)]
    assert result["wordless_ms"] == 1500
