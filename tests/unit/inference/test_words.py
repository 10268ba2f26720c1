"""Words: made of tokens, timed inside their segment."""

from itertools import pairwise

import pytest
from fanscribe_whisper.segments import Segment
from fanscribe_whisper.vocabulary import Vocabulary
from fanscribe_whisper.words import Word, split_words, time_words
from hypothesis import given
from hypothesis import strategies as st

from fanscribe.inference.weights import resolve_weights


@pytest.fixture(scope="session")
def vocabulary(tmp_path_factory: pytest.TempPathFactory) -> Vocabulary:
    weights = resolve_weights("tiny.en", tmp_path_factory.mktemp("cache"))
    return Vocabulary(weights, multilingual=True)


@pytest.mark.parametrize(
    ("text", "language", "words"),
    [
        (" He said, 'No.'", "en", ["He", "said,", "'No.'"]),
        (' "Well," she said (once).', "en", ['"Well,"', "she", "said", "(once)."]),
        (" one - two", "en", ["one -", "two"]),
        (" 50% of cold-hearted", "en", ["50%", "of", "cold-hearted"]),
        (" Größe naïve", "de", ["Größe", "naïve"]),
        ("「はい」、そう。", "ja", ["「は", "い」、", "そ", "う。"]),
        (" ...", "en", ["..."]),
        (" Yes (", "en", ["Yes("]),
        ("", "en", []),
    ],
)
def test_punctuation_belongs_to_its_word(
    vocabulary: Vocabulary, text: str, language: str, words: list[str]
) -> None:
    tokens = vocabulary.encode(text)
    assert [word.text for word in split_words(tokens, vocabulary, language)] == words


def test_the_sound_of_a_word_is_without_its_punctuation(vocabulary: Vocabulary) -> None:
    tokens = vocabulary.encode(" yes, no")
    yes, no = split_words(tokens, vocabulary, "en")
    assert vocabulary.decode(tokens[yes.first_token : yes.last_token]) == " yes"
    assert vocabulary.decode(tokens[no.first_token : no.last_token]) == " no"


@given(st.text(max_size=40), st.sampled_from(["en", "ja"]))
def test_no_character_is_lost(vocabulary: Vocabulary, text: str, language: str) -> None:
    tokens = vocabulary.encode(text)
    words = split_words(tokens, vocabulary, language)
    assert "".join("".join(word.text for word in words).split()) == "".join(
        vocabulary.decode(tokens).split()
    )
    assert all(0 <= w.first_token < w.last_token <= len(tokens) for w in words)


@given(st.lists(st.integers(0, 6000), min_size=2, max_size=12))
def test_times_are_monotone_and_within_bounds(times_ms: list[int]) -> None:
    words = [Word(f"w{n}", n, n + 1) for n in range(len(times_ms) - 1)]
    probabilities = [0.5] * len(words)
    timed = time_words(words, Segment(1000, 4000, []), times_ms, probabilities, (900, 4200))
    assert [word.text for word in timed] == [word.text for word in words]
    assert all(900 <= word.start_ms <= word.end_ms <= 4200 for word in timed)
    assert all(earlier.end_ms <= later.start_ms for earlier, later in pairwise(timed))
