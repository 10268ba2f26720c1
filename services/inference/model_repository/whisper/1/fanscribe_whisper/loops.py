"""Loops: text that repeats itself or runs on after the audio's end, and was not said."""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import replace
from itertools import pairwise, takewhile
from typing import Final

from fanscribe_whisper.excerpts import Excerpt
from fanscribe_whisper.hypothesis import Hypothesis
from fanscribe_whisper.segments import segments_of
from fanscribe_whisper.vocabulary import Vocabulary
from fanscribe_whisper.words import split_words
from fanscribe_whisper.writing import bare, bare_words, is_unspaced

# OpenAI's threshold: text that compresses better repeats itself.
MAX_COMPRESSION_RATIO: Final = 2.4
# Nobody speaks faster: words a second, characters a second where words are not set apart. Only for
# segments of some length: the times of short ones are rough.
MAX_WORDS_PER_S: Final = 6.0
MAX_CHARACTERS_PER_S: Final = 16.0
RATED_WORDS: Final = 6
RATED_CHARACTERS: Final = 16
# Slower than this, whoever says something twice may mean it.
EASY_WORDS_PER_S: Final = 4.0
# A run of so many that was heard before is a repeat, once a text is suspected.
REPEATED_WORDS: Final = 4
REPEATED_CHARACTERS: Final = 10
REPEATED_TOKENS: Final = 8


def looping(hypothesis: Hypothesis, vocabulary: Vocabulary) -> bool:
    """Whether the decoder was caught in a loop: too much text, or always the same."""
    return (
        hypothesis.truncated
        or hypothesis.compression_ratio > MAX_COMPRESSION_RATIO
        or _doubled(hypothesis.text, hypothesis.excerpt.speech_ms or hypothesis.excerpt.audio_ms)
        or any(
            _hurried(text, segment.end_ms - segment.start_ms, hypothesis.language)
            or _doubled(text, segment.end_ms - segment.start_ms)
            for segment in segments_of(hypothesis, vocabulary)
            for text in [vocabulary.decode(segment.tokens)]
        )
    )


def without_loop(hypothesis: Hypothesis, vocabulary: Vocabulary) -> Hypothesis | None:
    """Cut the text of a loop off where it begins to repeat itself; None if it never does.

    Short of the end, loops mostly are what was said.
    """
    kept = _kept_text_tokens(hypothesis, vocabulary)
    if kept is None:
        return None
    places = [
        place for place, token in enumerate(hypothesis.tokens) if token < vocabulary.end_of_text
    ]
    tokens = hypothesis.tokens[: places[kept]]
    return replace(
        hypothesis, tokens=tokens, text=vocabulary.decode(tokens).strip(), truncated=False
    )


def within_audio(hypothesis: Hypothesis, vocabulary: Vocabulary) -> Hypothesis:
    """Leave off what is told to begin after the audio's end, if there is text before: a loop.

    So is what is told to begin after all speech, and says the same as the text before.
    """
    end = vocabulary.timestamp(hypothesis.excerpt.audio_ms)
    end_of_speech = vocabulary.timestamp(_end_of_speech_ms(hypothesis.excerpt))
    for place, (token, following) in enumerate(pairwise(hypothesis.tokens)):
        if token < end_of_speech or following >= vocabulary.end_of_text:
            continue
        tokens = hypothesis.tokens[:place]
        told = takewhile(lambda one: one < vocabulary.end_of_text, hypothesis.tokens[place + 1 :])
        before, words = (bare_words(vocabulary.decode(some)) for some in (tokens, list(told)))
        if before and (token >= end or before[-len(words) :] == words):
            text = vocabulary.decode(tokens).strip()
            return replace(hypothesis, tokens=tokens, text=text, truncated=False)
    return hypothesis


def ends_as_before(hypothesis: Hypothesis) -> bool:
    """Whether the last words of a text came in it before: said again, or a loop that has ended."""
    words = bare_words(hypothesis.text)
    last = words[-REPEATED_WORDS:]
    earlier = range(len(words) - REPEATED_WORDS)
    return any(words[first : first + REPEATED_WORDS] == last for first in earlier)


def first_repeat(words: Sequence[Hashable], run: int) -> int | None:
    """Return where `run` words come that came before, or three times the same few in a row."""
    seen: set[tuple[Hashable, ...]] = set()
    for first in range(len(words) - run + 1):
        heard = tuple(words[first : first + run])
        if heard in seen:
            return first
        seen.add(heard)
    for period in range(1, run):
        for first in range(len(words) - 3 * period + 1):
            once, twice, thrice = (
                words[first + k * period : first + (k + 1) * period] for k in range(3)
            )
            if once == twice == thrice:
                return first + period
    return None


def _end_of_speech_ms(excerpt: Excerpt) -> int:
    """Where the last speech for certain in an excerpt ends, from its start."""
    heard = excerpt.window.speech_within(excerpt.start_ms, excerpt.end_ms)
    return heard[-1][1] - excerpt.start_ms if heard else excerpt.audio_ms


def _kept_text_tokens(hypothesis: Hypothesis, vocabulary: Vocabulary) -> int | None:
    """Return how many text tokens come before the loop; None if there is none."""
    text_tokens = vocabulary.text_tokens(hypothesis.tokens)
    words = split_words(text_tokens, vocabulary, hypothesis.language)
    run = REPEATED_CHARACTERS if is_unspaced(hypothesis.language) else REPEATED_WORDS
    repeat = first_repeat([bare(word.text) for word in words], run)
    if repeat is not None:
        return words[repeat].first_token
    # A loop of punctuation has no words, and nothing of it is kept.
    kept = first_repeat(text_tokens, REPEATED_TOKENS)
    while kept and text_tokens[kept - 1] == text_tokens[kept]:
        kept -= 1
    return kept


def _hurried(text: str, time_ms: int, language: str) -> bool:
    if is_unspaced(language):
        count, least, most_per_s = len(text), RATED_CHARACTERS, MAX_CHARACTERS_PER_S
    else:
        count, least, most_per_s = len(text.split()), RATED_WORDS, MAX_WORDS_PER_S
    return count >= least and count * 1000 > most_per_s * time_ms


def _doubled(text: str, time_ms: int) -> bool:
    """Whether it says the same again in a row, and more than is easily said in the time.

    Twice, or three times where it is only a few words.
    """
    words = bare_words(text)
    if len(words) * 1000 < EASY_WORDS_PER_S * time_ms:
        return False
    long = range(REPEATED_WORDS, len(words) // 2 + 1)
    return _in_a_row(words, 2, long, REPEATED_WORDS - 1) or _in_a_row(
        words, 3, range(2, REPEATED_WORDS), 2
    )


def _in_a_row(words: list[str], times: int, lengths: Iterable[int], different: int) -> bool:
    """Whether so many words, some of them different, come so many times in a row."""
    return any(
        len(set(once := words[first : first + length])) >= different
        and words[first : first + times * length] == once * times
        for length in lengths
        for first in range(len(words) - times * length + 1)
    )
