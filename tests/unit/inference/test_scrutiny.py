"""How a window is listened to again: what is wanted of the decoder, and what is made of it."""

from collections.abc import Sequence
from dataclasses import replace

from fanscribe_whisper.excerpts import Excerpt, Padding, whole
from fanscribe_whisper.hypothesis import GREEDY, Hypothesis, Search
from fanscribe_whisper.options import Options
from fanscribe_whisper.scrutiny import Scrutiny
from fanscribe_whisper.tuning import Hearing, Tuning
from fanscribe_whisper.vocabulary import Vocabulary
from fanscribe_whisper.wants import Decoding, Want

from tests.support.hypotheses import excerpt, hypothesis

# Somebody speaks, pauses, and speaks on, but not for long enough to be decoded by itself.
SPEECH = ((300, 4000), (5000, 6000))
FIRST = (0, "It was the best of times,", 4000)
SECOND = (5000, "it was the worst.", 6000)
BEAMS = Search(beams=7)
TUNING = Tuning(
    Padding(1000, 2500), workers=1, group_size=1, encoder_size=1, english=Hearing(-0.5, beams=7)
)


def listen(
    vocabulary: Vocabulary,
    heard: Excerpt,
    answers: Sequence[Hypothesis],
    tuning: Tuning = TUNING,
) -> tuple[list[Hypothesis], list[Want]]:
    """Answer what is wanted in turn; returns what was found, and all that was wanted."""
    listening = Scrutiny(vocabulary, tuning).heard(heard.window)
    wants = [next(listening)]
    for answer in answers:
        try:
            wants.append(listening.send(answer))
        except StopIteration as done:
            return done.value, wants
    raise AssertionError(f"more is wanted: {wants[-1]}")


def test_a_text_that_ends_before_the_speech_goes_on(vocabulary: Vocabulary) -> None:
    heard = excerpt(10_000, SPEECH)
    early = hypothesis(vocabulary, FIRST, of=heard, logprob=-0.2)
    both = hypothesis(vocabulary, FIRST, SECOND, of=heard, logprob=-0.6)
    [found], [first, more] = listen(vocabulary, heard, [early, both])
    assert found.text == both.text
    # As sure as both are, each by its length.
    assert -0.6 < found.avg_logprob < -0.2
    assert isinstance(first, Decoding)
    assert (first.search, first.known) == (GREEDY, ())
    # From the encoder output at hand, after what was said last and the time where that ends, twice.
    assert isinstance(more, Decoding)
    assert (more.search, more.heard) == (BEAMS, early)
    assert more.known == (*early.tokens, early.tokens[-1])


def test_a_text_told_to_end_late_goes_on_where_the_next_words_begin(vocabulary: Vocabulary) -> None:
    heard = excerpt(10_000, SPEECH)
    late = hypothesis(vocabulary, (0, "It was the best of times,", 5200), of=heard)
    both = hypothesis(vocabulary, FIRST, SECOND, of=heard)
    _, [_, more] = listen(vocabulary, heard, [late, both])
    assert isinstance(more, Decoding)
    assert more.known[-2:] == (vocabulary.timestamp(5000),) * 2


def test_a_text_that_ends_as_it_went_before_is_decoded_again(vocabulary: Vocabulary) -> None:
    heard = excerpt(10_000, ((300, 9000),))
    said = "And he would gladly have called them together again"
    looped = hypothesis(vocabulary, (0, f"{said}, and he would gladly,", 9000), of=heard)
    plain = hypothesis(vocabulary, (0, f"{said}.", 9000), of=heard, logprob=-0.4)
    [found], [_, again] = listen(vocabulary, heard, [looped, plain])
    assert isinstance(again, Decoding)
    assert (again.search, again.heard) == (BEAMS, looped)
    assert found is plain
    # Said so by all of the beams, it is believed.
    assert listen(vocabulary, heard, [looped, looped])[0] == [looped]


def test_what_is_not_to_be_trusted_is_not_gone_on_with(vocabulary: Vocabulary) -> None:
    heard = excerpt(10_000, SPEECH)
    early = hypothesis(vocabulary, FIRST, of=heard)
    echo = hypothesis(vocabulary, FIRST, (5000, "the best of times,", 6000), of=heard)
    unlikely = hypothesis(vocabulary, FIRST, SECOND, of=heard, logprob=-1.3)
    for refused in (echo, unlikely, early):
        [found], wants = listen(vocabulary, heard, [early, refused])
        assert found is early
        assert len(wants) == 2


def test_a_text_that_fills_the_decoder_ends(vocabulary: Vocabulary) -> None:
    heard = excerpt(10_000, SPEECH)
    heard = Excerpt(heard.window, 0, heard.end_ms, [1] * 400, None)
    early = hypothesis(vocabulary, FIRST, of=heard)
    assert listen(vocabulary, heard, [early])[0] == [early]


def test_a_text_as_long_as_the_speech_is_believed(vocabulary: Vocabulary) -> None:
    heard = excerpt(10_000, SPEECH)
    both = hypothesis(vocabulary, FIRST, SECOND, of=heard)
    assert listen(vocabulary, heard, [both])[0] == [both]


def test_less_is_sure_in_other_languages_than_english(vocabulary: Vocabulary) -> None:
    heard = excerpt(10_000, SPEECH)
    for language, logprob, decoded in (
        ("en", -0.4, 1),
        ("en", -0.55, 2),
        ("fr", -0.2, 1),
        ("fr", -0.4, 2),
    ):
        both = hypothesis(vocabulary, FIRST, SECOND, of=heard, logprob=logprob, language=language)
        found, wants = listen(vocabulary, heard, [both] * decoded)
        assert (found, len(wants)) == ([both], decoded)


def test_a_language_to_be_heard_in_another_way_is_listened_to_once_more(
    vocabulary: Vocabulary,
) -> None:
    tuning = replace(TUNING, foreign=Hearing(sure_logprob=-1.0, hop_samples=200))
    heard = excerpt(10_000, SPEECH)
    first = hypothesis(vocabulary, FIRST, SECOND, of=heard, language="fr")
    second = hypothesis(vocabulary, FIRST, SECOND, of=heard, language="fr", logprob=-0.9)
    [found], [_, again] = listen(vocabulary, heard, [first, second], tuning)
    # It was the other one that Whisper should not have heard, however likely its words.
    assert found is second
    assert isinstance(again, Decoding)
    assert (again.search, again.heard) == (GREEDY, None)
    assert again.excerpt.window.hop_samples == 200
    assert again.excerpt.audio_ms == 8000
    assert again.excerpt.language == ("fr", first.language_probability)


def test_what_is_heard_as_it_should_be_is_listened_to_once(vocabulary: Vocabulary) -> None:
    tuning = replace(TUNING, foreign=Hearing(sure_logprob=-1.0, hop_samples=200))
    said = (0, "I see.", 9000)
    english = hypothesis(vocabulary, said, of=excerpt())
    french = hypothesis(vocabulary, said, of=excerpt(hop_samples=200), language="fr")
    nobody = hypothesis(vocabulary, said, language="fr", logprob=-1.5, no_speech_prob=0.9)
    for only in (english, french, nobody):
        assert listen(vocabulary, only.excerpt, [only], tuning)[0] == [only]


def test_where_nothing_is_sure_without_beams_they_are_used_at_once(vocabulary: Vocabulary) -> None:
    tuning = replace(TUNING, foreign=Hearing(sure_logprob=0.0, hop_samples=200, beams=9))
    untold = excerpt(10_000, SPEECH)
    likely = hypothesis(vocabulary, FIRST, SECOND, of=untold, language="fr", logprob=-0.01)
    told = whole(replace(untold.window, options=Options(language="fr"), hop_samples=200))
    with_beams = replace(likely, excerpt=told, search=Search(beams=9))
    found, [only] = listen(vocabulary, told, [with_beams], tuning)
    assert found == [with_beams]
    assert isinstance(only, Decoding)
    assert only.search == Search(beams=9)

    found, [first, again] = listen(vocabulary, untold, [likely, with_beams], tuning)
    assert found == [with_beams]
    assert isinstance(first, Decoding)
    assert isinstance(again, Decoding)
    assert (first.search, again.search) == (GREEDY, Search(beams=9))
