"""Texts that overlap are joined without a word lost or said twice."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fanscribe.media.timeline import Span
from fanscribe.splitter.chunker import MicroChunk
from fanscribe.splitter.seams import left_of_seam, right_of_seam
from fanscribe.splitter.transcription import TextSegment, Transcript, Word

# A word every 400 ms; the first chunk is cut at 10 s, and the second begins 1.6 s earlier.
WORD_MS = 400
CUT_MS = 10_000
OVERLAP_MS = 1_600


def chunk(start_ms: int, end_ms: int, audio_start_ms: int) -> MicroChunk:
    samples = (end_ms - audio_start_ms) * 16
    return MicroChunk(
        Span(start_ms * 16, end_ms * 16), audio_start_ms * 16, np.zeros(samples, np.int16), ()
    )


LEFT = chunk(0, CUT_MS, 0)
RIGHT = chunk(CUT_MS, 20_000, CUT_MS - OVERLAP_MS)


def transcript(words: list[str], first_ms: int, step_ms: int = WORD_MS) -> Transcript:
    timed = tuple(
        Word(first_ms + n * step_ms, first_ms + (n + 1) * step_ms, word, 0.9)
        for n, word in enumerate(words)
    )
    segment = TextSegment(
        timed[0].start_ms, timed[-1].end_ms, " ".join(words), -0.3, 0.1, 1.2, timed
    )
    return Transcript("en", 1.0, (segment,), truncated=False, wordless_ms=0)


def joined(left: Transcript, right: Transcript) -> list[str]:
    parts = (
        left_of_seam((LEFT, left), (RIGHT, right)),
        right_of_seam((LEFT, left), (RIGHT, right)),
    )
    return [word.text for part in parts for one in part.segments for word in one.words]


def spoken(words: int) -> list[str]:
    return [f"word{n}" for n in range(words)]


def test_words_that_both_heard_are_said_once() -> None:
    words = spoken(50)
    # 10 s hold 25 words; the second chunk begins with the 22nd.
    assert joined(transcript(words[:25], 0), transcript(words[21:], 0)) == words


def test_what_is_cut_in_two_is_taken_from_where_it_is_whole() -> None:
    words = spoken(50)
    left = [*words[:24], "wor"]
    right = ["d21", *words[22:]]
    assert joined(transcript(left, 0), transcript(right, 0)) == words


def test_without_a_common_word_each_side_counts_for_its_half() -> None:
    left = transcript(spoken(25), 0)
    right = transcript([f"other{n}" for n in range(10)], 0)
    assert joined(left, right) == [*spoken(23), *(f"other{n}" for n in range(2, 10))]


def test_the_text_of_a_segment_is_that_of_its_words() -> None:
    left = left_of_seam((LEFT, transcript(spoken(25), 0)), (RIGHT, transcript(["a", "b"], 0)))
    (segment,) = left.segments
    assert segment.text == " ".join(spoken(23))
    assert segment.end_ms == segment.words[-1].end_ms == 23 * WORD_MS


@given(shift_ms=st.integers(-150, 150), missing=st.integers(0, 3), stretch=st.integers(380, 420))
def test_times_that_differ_a_little_lose_and_repeat_nothing(
    shift_ms: int, missing: int, stretch: int
) -> None:
    words = spoken(45)
    left = transcript(words[: 25 - missing], 0)
    right = transcript(words[21:], max(0, shift_ms), stretch)
    found = joined(left, right)
    assert found == words
