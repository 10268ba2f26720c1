"""Loops are seen and cut off, and what somebody may have said is not."""

from dataclasses import replace

import pytest
from fanscribe_whisper import loops
from fanscribe_whisper.segments import segments_of
from fanscribe_whisper.vocabulary import Vocabulary
from hypothesis import given
from hypothesis import strategies as st

from tests.support.hypotheses import excerpt, hypothesis

WORDS = st.lists(st.sampled_from("abcdef"), max_size=40)


@pytest.mark.parametrize(
    ("said", "heard"),
    [
        # Real loops: a sentence again and again, all of it anew, a few words, one.
        (
            "All the eels said: the slow, little mud turtle.",
            "All the eels said: the slow, little mud turtle. The slow, little mud turtle. The",
        ),
        (
            "Let me see, how can I begin? He has known her all her life.",
            "Let me see, how can I begin? He has known her all her life. "
            "Let me see, how can I begin? He has known her all her life. Let me see,",
        ),
        (
            "It was not",
            "It was not ... ... ... ... ... ... ... ... ... ... ... ... ... ... ...",
        ),
        ("In 1465,", "In 1465, in 1465, in 1465, in 1465,"),
        ("It was very", "It was very very very very very"),
    ],
)
def test_a_loop_is_cut_off_where_it_repeats(vocabulary: Vocabulary, said: str, heard: str) -> None:
    cut = loops.without_loop(hypothesis(vocabulary, (0, heard, 4000)), vocabulary)
    assert cut is not None
    assert cut.text == said
    assert [segment.start_ms for segment in segments_of(cut, vocabulary)] == [0]


def test_what_does_not_repeat_has_no_loop_to_cut_off(vocabulary: Vocabulary) -> None:
    plain = hypothesis(vocabulary, (0, "The child almost hurt the small dog.", 3000))
    assert loops.without_loop(plain, vocabulary) is None
    assert not loops.looping(plain, vocabulary)


def test_more_words_than_anybody_can_say_are_a_loop(vocabulary: Vocabulary) -> None:
    text = "The boy ran home and then he ate all of his bread."
    assert not loops.looping(hypothesis(vocabulary, (0, text, 4000)), vocabulary)
    assert loops.looping(hypothesis(vocabulary, (0, text, 1000)), vocabulary)


def test_the_same_twice_is_a_loop_only_in_a_hurry(vocabulary: Vocabulary) -> None:
    twice = "The durability of things, the durability of things,"
    for speech_ms, loop in ((1800, True), (4000, False)):
        heard = hypothesis(vocabulary, (0, twice, 2400), of=excerpt(speech=((0, speech_ms),)))
        assert loops.looping(heard, vocabulary) == loop


def test_the_same_twice_in_a_hurried_segment_is_a_loop_however_slow_the_rest_is(
    vocabulary: Vocabulary,
) -> None:
    def is_loop(end_ms: int) -> bool:
        rest = (0, "It is printed in letters", 6000)
        last = (6000, "which are an exact copy which are an exact copy of it", end_ms)
        return loops.looping(hypothesis(vocabulary, rest, last), vocabulary)

    assert is_loop(8500)
    assert not is_loop(9500)


def test_a_few_words_three_times_in_a_row_are_a_loop_only_in_a_hurry(
    vocabulary: Vocabulary,
) -> None:
    def is_loop(text: str, end_ms: int = 2000) -> bool:
        return loops.looping(hypothesis(vocabulary, (0, text, end_ms)), vocabulary)

    assert is_loop("I hope that next year, next year, next year.")
    assert not is_loop("I hope that next year, next year, next year.", 2500)
    assert not is_loop("I hope that next year, next year, it works.")
    # Who is asked again and again may well say so.
    assert not is_loop("No, no, no, no, no, no, no, no!")


def test_what_begins_after_the_end_of_the_audio_was_not_said(vocabulary: Vocabulary) -> None:
    real = (0, "The boy ran home.", 2000)
    loop = (10_000, "Replied heat.", 11_000), (11_000, "Replied heat.", 12_000)
    heard = replace(hypothesis(vocabulary, real, *loop), truncated=True)
    within = loops.within_audio(heard, vocabulary)
    assert within.text == "The boy ran home."
    assert not within.truncated
    (segment,) = segments_of(within, vocabulary)
    assert (segment.start_ms, segment.end_ms) == (0, 2000)
    # The times of the only text there is may be wrong.
    for kept in (hypothesis(vocabulary, real), hypothesis(vocabulary, loop[0])):
        assert loops.within_audio(kept, vocabulary) is kept


def test_what_is_said_again_after_all_speech_was_not_said(vocabulary: Vocabulary) -> None:
    heard = excerpt(10_000, speech=((300, 6000), (7000, 8000)))
    first, last = (0, "The boy ran home.", 6000), (7000, "Chapter 23", 8000)
    again = (8100, "Chapter 23", 9000)
    real = hypothesis(vocabulary, first, last, of=heard)
    for repeats in ((again,), (again, (9000, "Chapter 23", 9900))):
        within = loops.within_audio(
            hypothesis(vocabulary, first, last, *repeats, of=heard), vocabulary
        )
        assert within.tokens == real.tokens
    # Other words may be those of a voice that is not heard for certain.
    other = hypothesis(vocabulary, first, last, (8100, "He ate.", 9000), of=heard)
    # And where speech is not told, it may be anywhere.
    untold = hypothesis(vocabulary, first, last, again)
    for kept in (real, other, untold):
        assert loops.within_audio(kept, vocabulary) is kept


def test_a_text_ends_as_before_where_its_last_words_came_earlier(vocabulary: Vocabulary) -> None:
    def as_before(text: str) -> bool:
        return loops.ends_as_before(hypothesis(vocabulary, (0, text, 9000)))

    assert as_before("And he would gladly have called them together, and he would gladly,")
    assert as_before("He would gladly have called them, and so he would gladly have called them.")
    assert not as_before("And he would gladly have called them together, and she would not.")
    assert not as_before("He would")


@given(WORDS, st.integers(2, 5))
def test_a_repeat_is_one(words: list[str], run: int) -> None:
    at = loops.first_repeat(words, run)
    if at is None:
        runs = [tuple(words[i : i + run]) for i in range(len(words) - run + 1)]
        assert len(set(runs)) == len(runs)
    else:
        again = words[at : at + run]
        before = [words[i : i + run] for i in range(at)]
        in_a_row = any(words[at - n : at] == words[at : at + n] for n in range(1, run))
        assert again in before or in_a_row
