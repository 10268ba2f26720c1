"""Signs of a wrong text: loops, holes, silence, echoes."""

from dataclasses import replace

import pytest
from fanscribe_whisper import guards
from fanscribe_whisper.excerpts import Excerpt
from fanscribe_whisper.options import Stretches
from fanscribe_whisper.segments import Segment
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
    cut = guards.without_loop(hypothesis(vocabulary, (0, heard, 4000)), vocabulary)
    assert cut is not None
    assert cut.text == said
    assert [segment.start_ms for segment in guards.segments_of(cut, vocabulary)] == [0]


def test_what_does_not_repeat_has_no_loop_to_cut_off(vocabulary: Vocabulary) -> None:
    plain = hypothesis(vocabulary, (0, "The child almost hurt the small dog.", 3000))
    assert guards.without_loop(plain, vocabulary) is None
    assert not guards.looping(plain, vocabulary)


def test_more_words_than_anybody_can_say_are_a_loop(vocabulary: Vocabulary) -> None:
    text = "The boy ran home and then he ate all of his bread."
    assert not guards.looping(hypothesis(vocabulary, (0, text, 4000)), vocabulary)
    assert guards.looping(hypothesis(vocabulary, (0, text, 1000)), vocabulary)


def test_the_same_twice_is_a_loop_only_in_a_hurry(vocabulary: Vocabulary) -> None:
    twice = "The durability of things, the durability of things,"
    for speech_ms, loop in ((1800, True), (4000, False)):
        heard = hypothesis(vocabulary, (0, twice, 2400), of=excerpt(speech=((0, speech_ms),)))
        assert guards.looping(heard, vocabulary) == loop


def test_the_same_twice_in_a_hurried_segment_is_a_loop_however_slow_the_rest_is(
    vocabulary: Vocabulary,
) -> None:
    def loops(end_ms: int) -> bool:
        rest = (0, "It is printed in letters", 6000)
        last = (6000, "which are an exact copy which are an exact copy of it", end_ms)
        return guards.looping(hypothesis(vocabulary, rest, last), vocabulary)

    assert loops(8500)
    assert not loops(9500)


def test_a_few_words_three_times_in_a_row_are_a_loop_only_in_a_hurry(
    vocabulary: Vocabulary,
) -> None:
    def loops(text: str, end_ms: int = 2000) -> bool:
        return guards.looping(hypothesis(vocabulary, (0, text, end_ms)), vocabulary)

    assert loops("I hope that next year, next year, next year.")
    assert not loops("I hope that next year, next year, next year.", 2500)
    assert not loops("I hope that next year, next year, it works.")
    # Who is asked again and again may well say so.
    assert not loops("No, no, no, no, no, no, no, no!")


def test_what_begins_after_the_end_of_the_audio_was_not_said(vocabulary: Vocabulary) -> None:
    real = (0, "The boy ran home.", 2000)
    loop = (10_000, "Replied heat.", 11_000), (11_000, "Replied heat.", 12_000)
    heard = replace(hypothesis(vocabulary, real, *loop), truncated=True)
    within = guards.within_audio(heard, vocabulary)
    assert within.text == "The boy ran home."
    assert not within.truncated
    (segment,) = guards.segments_of(within, vocabulary)
    assert (segment.start_ms, segment.end_ms) == (0, 2000)
    # The times of the only text there is may be wrong.
    for kept in (hypothesis(vocabulary, real), hypothesis(vocabulary, loop[0])):
        assert guards.within_audio(kept, vocabulary) is kept


@given(WORDS, st.integers(2, 5))
def test_a_repeat_is_one(words: list[str], run: int) -> None:
    at = guards.first_repeat(words, run)
    if at is None:
        runs = [tuple(words[i : i + run]) for i in range(len(words) - run + 1)]
        assert len(set(runs)) == len(runs)
    else:
        again = words[at : at + run]
        before = [words[i : i + run] for i in range(at)]
        in_a_row = any(words[at - n : at] == words[at : at + n] for n in range(1, run))
        assert again in before or in_a_row


def test_only_speech_without_text_is_a_hole() -> None:
    heard = excerpt(20_000, speech=((500, 3000), (5000, 9000), (9500, 10_000), (18_000, 18_900)))
    segments = [Segment(400, 3000, [1]), Segment(14_000, 16_000, [2])]
    # 4.5 s of speech in the middle, and at the end too little of it.
    assert guards.holes(heard, segments) == [(4800, 10_200)]
    assert guards.holes(heard, [Segment(0, 20_000, [1])]) == []
    assert guards.holes(excerpt(20_000), []) == []


def test_a_text_ends_early_where_speech_that_is_a_word_long_comes_after_it() -> None:
    def early(*rest: tuple[int, int]) -> bool:
        heard = excerpt(10_000, speech=((500, 6000), *rest))
        return guards.ends_early(heard, [Segment(400, 5500, [1])])

    assert early((7000, 7400))
    assert not early((7000, 7300))
    # Half a second of the stretch that the text is in: its end is not told that exactly.
    assert not early()
    assert early((6100, 6400), (6500, 6700), (6800, 7000))


def test_a_segment_lasts_no_longer_than_its_words_can(vocabulary: Vocabulary) -> None:
    def end_ms(text: str, speech: Stretches | None) -> int:
        heard = hypothesis(vocabulary, (0, text, 18_000), of=excerpt(20_000, speech))
        return guards.segments_of(heard, vocabulary)[0].end_ms

    talk = ((1000, 2000), (3000, 19_000))
    assert end_ms("In this regard.", talk) == 3200
    # The speech counts, not the time; and without knowing where it is, the timestamp.
    assert end_ms("In this regard.", ((15_000, 18_000),)) == 18_000
    assert end_ms("In this regard.", None) == 18_000
    assert end_ms("one two three four five six seven " * 3, talk) == 18_000


def test_holes_are_told_on_the_windows_clock() -> None:
    window = excerpt(20_000, speech=((5000, 9000),)).window
    assert guards.holes(Excerpt(window, 4000, 12_000, [], None), [Segment(5000, 8000, [1])]) == [
        (4800, 9200)
    ]


def test_silence_is_what_the_model_and_the_ear_agree_on(vocabulary: Vocabulary) -> None:
    def silent(speech: Stretches | None, logprob: float, no_speech_prob: float) -> bool:
        heard = hypothesis(
            vocabulary,
            (0, "Thank you.", 1000),
            logprob=logprob,
            no_speech_prob=no_speech_prob,
            of=excerpt(speech=speech),
        )
        return guards.silent(heard)

    speech = ((0, 2000),)
    assert silent(speech, logprob=-1.5, no_speech_prob=0.9)
    assert not silent(speech, logprob=-0.5, no_speech_prob=0.9)
    assert not silent(None, logprob=-0.5, no_speech_prob=0.9)
    # Nobody was heard for certain: the model's doubts are enough.
    assert silent((), logprob=-0.5, no_speech_prob=0.6)
    assert not silent((), logprob=-0.5, no_speech_prob=0.3)


def test_less_is_sure_in_other_languages_than_english(vocabulary: Vocabulary) -> None:
    def unsure(logprob: float, language: str, no_speech_prob: float = 0.1) -> bool:
        said = (0, "Good morning.", 2000)
        return guards.unsure(
            hypothesis(
                vocabulary, said, logprob=logprob, language=language, no_speech_prob=no_speech_prob
            )
        )

    assert not unsure(-0.4, "en")
    assert unsure(-0.4, "fr")
    assert not unsure(-0.2, "fr")
    assert unsure(-0.5, "en")
    assert not unsure(-1.5, "en", no_speech_prob=0.9)


def test_few_words_in_much_speech_are_not_all_of_it(vocabulary: Vocabulary) -> None:
    def sparse(text: str, speech: Stretches | None) -> bool:
        return guards.sparse(hypothesis(vocabulary, (0, text, 9000), of=excerpt(speech=speech)))

    assert sparse("Thank you.", ((0, 8000),))
    assert not sparse("Thank you.", ((0, 1000),))
    assert not sparse("Thank you.", None)
    assert not sparse("One two three four five six seven.", ((0, 8000),))


def test_a_piece_of_what_was_known_is_an_echo() -> None:
    prompt = "A talk about Triton, Whisper and fanscribe."
    assert guards.echoing("about Triton Whisper", prompt)
    assert not guards.echoing("Triton is about", prompt)
    assert not guards.echoing("", prompt)
