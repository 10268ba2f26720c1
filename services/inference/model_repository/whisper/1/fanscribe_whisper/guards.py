"""Signs that a hypothesis is not what was said: pure functions."""

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Final

from fanscribe_whisper.excerpts import Excerpt
from fanscribe_whisper.hypothesis import Hypothesis
from fanscribe_whisper.segments import Segment, split_segments
from fanscribe_whisper.vocabulary import Vocabulary
from fanscribe_whisper.words import is_unspaced, split_words

# OpenAI's thresholds: above, text repeats itself; beyond both others, there was no speech.
MAX_COMPRESSION_RATIO: Final = 2.4
NO_SPEECH_PROB: Final = 0.6
NO_SPEECH_LOGPROB: Final = -1.0
# Where no speech was heard for certain, the model's own word is enough.
DOUBTFUL_NO_SPEECH_PROB: Final = 0.5
# Below, several beams often find better words: sooner in the languages Whisper has heard less of.
SURE_ENGLISH_LOGPROB: Final = -0.45
SURE_LOGPROB: Final = -0.30
# Below, the words are hardly those that were spoken.
FAILED_LOGPROB: Final = -1.0

# Nobody speaks faster: words a second, characters a second where words are not set apart. Only for
# segments of some length: the times of short ones are rough.
MAX_WORDS_PER_S: Final = 6.0
MAX_CHARACTERS_PER_S: Final = 16.0
RATED_WORDS: Final = 6
# Slower than this, whoever says something twice may mean it.
EASY_WORDS_PER_S: Final = 4.0
RATED_CHARACTERS: Final = 16
# A run of so many that was heard before is a repeat, once a text is suspected.
REPEATED_WORDS: Final = 4
REPEATED_CHARACTERS: Final = 10
REPEATED_TOKENS: Final = 8
# Fewer words in each second of speech are not all of what was said.
MIN_WORDS_PER_S: Final = 0.8
# Nobody draws out words for longer than the first, on average; where somebody seems to, they are
# believed to have taken the second.
LONGEST_WORD_MS: Final = 1_000
USUAL_WORD_MS: Final = 400
# Speech without text that is worth another look.
HOLE_MS: Final = 1_200
# A stretch of speech that begins after the last text is worth one if it is as long as a word.
STRETCH_MS: Final = 400
# Around a hole: its onset, and what the timestamps cost in precision.
HOLE_MARGIN_MS: Final = 200


def silent(hypothesis: Hypothesis) -> bool:
    """Whether there was no speech to be transcribed."""
    speech = hypothesis.excerpt.window.options.speech
    if speech is not None and not hypothesis.excerpt.speech_ms:
        return hypothesis.no_speech_prob > DOUBTFUL_NO_SPEECH_PROB
    return hypothesis.no_speech_prob > NO_SPEECH_PROB and hypothesis.avg_logprob < NO_SPEECH_LOGPROB


def unsure(hypothesis: Hypothesis) -> bool:
    """Whether several beams may well find better words."""
    sure = SURE_ENGLISH_LOGPROB if hypothesis.language == "en" else SURE_LOGPROB
    return hypothesis.avg_logprob < sure and not silent(hypothesis)


def segments_of(hypothesis: Hypothesis, vocabulary: Vocabulary) -> list[Segment]:
    """Segments of an excerpt's text; milliseconds from the excerpt's start.

    None lasts longer than its words can: three words with a timestamp at the end of a window are
    not all that was said in it.
    """
    segments = split_segments(
        hypothesis.tokens,
        vocabulary.end_of_text,
        vocabulary.timestamp_begin,
        hypothesis.excerpt.audio_ms,
    )
    if not is_unspaced(hypothesis.language):
        for segment in segments:
            words = len(vocabulary.decode(segment.tokens).split())
            segment.end_ms = _believed_end_ms(hypothesis.excerpt, segment, words)
    return segments


def within_audio(hypothesis: Hypothesis, vocabulary: Vocabulary) -> Hypothesis:
    """Leave off what is told to begin after the audio's end, if there is text before: a loop."""
    end = vocabulary.timestamp(hypothesis.excerpt.audio_ms)
    for place, (token, following) in enumerate(pairwise(hypothesis.tokens)):
        begins_late = token >= end and following < vocabulary.end_of_text
        if begins_late and vocabulary.text_tokens(hypothesis.tokens[:place]):
            tokens = hypothesis.tokens[:place]
            text = vocabulary.decode(tokens).strip()
            return replace(hypothesis, tokens=tokens, text=text, truncated=False)
    return hypothesis


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


def _kept_text_tokens(hypothesis: Hypothesis, vocabulary: Vocabulary) -> int | None:
    """Return how many text tokens come before the loop; None if there is none."""
    text_tokens = vocabulary.text_tokens(hypothesis.tokens)
    words = split_words(text_tokens, vocabulary, hypothesis.language)
    run = REPEATED_CHARACTERS if is_unspaced(hypothesis.language) else REPEATED_WORDS
    repeat = first_repeat([_bare(word.text) for word in words], run)
    if repeat is not None:
        return words[repeat].first_token
    # A loop of punctuation has no words, and nothing of it is kept.
    kept = first_repeat(text_tokens, REPEATED_TOKENS)
    while kept and text_tokens[kept - 1] == text_tokens[kept]:
        kept -= 1
    return kept


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


def sparse(hypothesis: Hypothesis) -> bool:
    """Whether there are too few words for the speech; False where words are not set apart."""
    if is_unspaced(hypothesis.language) or hypothesis.excerpt.speech_ms < HOLE_MS:
        return False
    words = len(hypothesis.text.split())
    return words * 1000 < hypothesis.excerpt.speech_ms * MIN_WORDS_PER_S


def echoing(text: str, before: str) -> bool:
    """Whether a text is nothing but a piece of what the decoder knew before."""
    words = [_bare(word) for word in text.split()]
    known = [_bare(word) for word in before.split()]
    return bool(words) and any(
        known[first : first + len(words)] == words for first in range(len(known) - len(words) + 1)
    )


def failed(hypothesis: Hypothesis, vocabulary: Vocabulary) -> bool:
    """Whether the text cannot be trusted at all."""
    return not silent(hypothesis) and (
        hypothesis.avg_logprob < FAILED_LOGPROB
        or looping(hypothesis, vocabulary)
        or sparse(hypothesis)
    )


def holes(excerpt: Excerpt, segments: Sequence[Segment]) -> list[tuple[int, int]]:
    """Stretches of an excerpt with speech but no text, [start_ms, end_ms) of its window.

    `segments` are those of the excerpt, in time order.
    """
    texts = [(excerpt.start_ms + s.start_ms, excerpt.start_ms + s.end_ms) for s in segments]
    return [_around_speech(excerpt, start, end) for start, end in untold(excerpt, texts)]


def ends_early(excerpt: Excerpt, segments: Sequence[Segment]) -> bool:
    """Whether there is speech worth another look after the last of some segments."""
    end_ms = excerpt.start_ms + segments[-1].end_ms
    rest = excerpt.window.speech_within(end_ms, excerpt.end_ms)
    return sum(stop - start for start, stop in rest) >= HOLE_MS or any(
        start > end_ms and stop - start >= STRETCH_MS for start, stop in rest
    )


def untold(excerpt: Excerpt, texts: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield the stretches of an excerpt between its texts that have speech worth another look.

    All are [start_ms, end_ms) of its window; the texts in time order.
    """
    free_ms = excerpt.start_ms
    for start_ms, end_ms in (*texts, (excerpt.end_ms, excerpt.end_ms)):
        if excerpt.window.speech_ms(free_ms, start_ms) >= HOLE_MS:
            yield free_ms, start_ms
        free_ms = max(free_ms, end_ms)


def _believed_end_ms(excerpt: Excerpt, segment: Segment, words: int) -> int:
    offset_ms = excerpt.start_ms
    stretches = excerpt.window.speech_within(
        offset_ms + segment.start_ms, offset_ms + segment.end_ms
    )
    speech_ms = sum(end_ms - start_ms for start_ms, end_ms in stretches)
    if speech_ms <= (words + 1) * LONGEST_WORD_MS:
        return segment.end_ms
    spoken_ms = words * USUAL_WORD_MS
    for start_ms, end_ms in stretches:
        if spoken_ms <= end_ms - start_ms:
            return start_ms + spoken_ms - offset_ms
        spoken_ms -= end_ms - start_ms
    return segment.end_ms


def _around_speech(excerpt: Excerpt, start_ms: int, end_ms: int) -> tuple[int, int]:
    within = excerpt.window.speech_within(start_ms, end_ms)
    return (
        max(excerpt.start_ms, within[0][0] - HOLE_MARGIN_MS),
        min(excerpt.end_ms, within[-1][1] + HOLE_MARGIN_MS),
    )


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
    words = [_bare(word) for word in text.split()]
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


def _bare(word: str) -> str:
    return "".join(character for character in word.lower() if character.isalnum())
