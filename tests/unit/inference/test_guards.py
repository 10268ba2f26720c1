"""Signs of a wrong text: holes, silence, echoes, few words."""

from fanscribe_whisper import guards
from fanscribe_whisper.excerpts import Excerpt
from fanscribe_whisper.options import Stretches
from fanscribe_whisper.segments import Segment
from fanscribe_whisper.vocabulary import Vocabulary

from tests.support.hypotheses import excerpt, hypothesis


def test_only_speech_without_text_is_a_hole() -> None:
    heard = excerpt(20_000, speech=((500, 3000), (5000, 9000), (9500, 10_000), (18_000, 18_900)))
    segments = [Segment(400, 3000, [1]), Segment(14_000, 16_000, [2])]
    # 4.5 s of speech in the middle, and at the end too little of it.
    assert guards.holes(heard, segments) == [(4800, 10_200)]
    assert guards.holes(heard, [Segment(0, 20_000, [1])]) == []
    assert guards.holes(excerpt(20_000), []) == []


def test_a_text_ends_early_where_speech_that_is_a_word_long_comes_after_it() -> None:
    def early(*rest: tuple[int, int], told_ms: int = 5500) -> int | None:
        heard = excerpt(10_000, speech=((500, 6000), *rest))
        return guards.early_end_ms(heard, [Segment(400, told_ms, [1])])

    assert early((7000, 7400)) == 5500
    assert early((7000, 7300)) is None
    # Half a second of the stretch that the text is in: its end is not told that exactly.
    assert early() is None
    assert early((6100, 6400), (6500, 6700), (6800, 7000)) == 5500
    # Told to end a little after the next words have begun, it ends where they do.
    assert early((7000, 7400), told_ms=7250) == 7000
    assert early((7000, 7400), told_ms=7350) is None


def test_a_short_text_at_the_end_is_all_there_is() -> None:
    # Told to begin with the stretch it is in, it is the text of that stretch.
    heard = excerpt(10_000, speech=((500, 6000), (7000, 7450)))
    assert guards.early_end_ms(heard, [Segment(400, 6000, [1]), Segment(7000, 7200, [2])]) is None


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


def test_unlikely_words_are_not_sure_unless_there_are_none(vocabulary: Vocabulary) -> None:
    def unsure(logprob: float, no_speech_prob: float = 0.1) -> bool:
        said = hypothesis(
            vocabulary,
            (0, "Good morning.", 2000),
            logprob=logprob,
            no_speech_prob=no_speech_prob,
        )
        return guards.unsure(said, sure_logprob=-0.5)

    assert not unsure(-0.45)
    assert unsure(-0.55)
    assert not unsure(-1.5, no_speech_prob=0.9)


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
