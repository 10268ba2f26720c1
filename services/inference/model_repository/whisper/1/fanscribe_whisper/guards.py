"""Signs that a hypothesis is not what was said: pure functions."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from fanscribe_whisper.excerpts import Excerpt
from fanscribe_whisper.hypothesis import Hypothesis
from fanscribe_whisper.loops import looping
from fanscribe_whisper.segments import Segment
from fanscribe_whisper.vocabulary import Vocabulary
from fanscribe_whisper.writing import bare_words, is_unspaced

# OpenAI's thresholds: beyond both, there was no speech.
NO_SPEECH_PROB: Final = 0.6
NO_SPEECH_LOGPROB: Final = -1.0
# Where no speech was heard for certain, the model's own word is enough.
DOUBTFUL_NO_SPEECH_PROB: Final = 0.5
# Below, the words are hardly those that were spoken.
FAILED_LOGPROB: Final = -1.0
# Below, they are not even where somebody speaks for certain. A few words by themselves are less
# likely than many, if only because they end at once.
FAILED_MORE_LOGPROB: Final = -1.2

# Fewer words in each second of speech are not all of what was said.
MIN_WORDS_PER_S: Final = 0.8
# Speech without text that is worth another look.
HOLE_MS: Final = 1_200
# A stretch of speech that begins after the last text is worth one if it is as long as a word.
STRETCH_MS: Final = 400
# Texts like to end where the next words begin, or a little later.
LATE_END_MS: Final = 300
# Around a hole: its onset, and what the timestamps cost in precision.
HOLE_MARGIN_MS: Final = 200


def silent(hypothesis: Hypothesis) -> bool:
    """Whether there was no speech to be transcribed."""
    speech = hypothesis.excerpt.window.options.speech
    if speech is not None and not hypothesis.excerpt.speech_ms:
        return hypothesis.no_speech_prob > DOUBTFUL_NO_SPEECH_PROB
    return hypothesis.no_speech_prob > NO_SPEECH_PROB and hypothesis.avg_logprob < NO_SPEECH_LOGPROB


def unsure(hypothesis: Hypothesis, sure_logprob: float) -> bool:
    """Whether several beams may well find better words."""
    return hypothesis.avg_logprob < sure_logprob and not silent(hypothesis)


def sparse(hypothesis: Hypothesis) -> bool:
    """Whether there are too few words for the speech; False where words are not set apart."""
    if is_unspaced(hypothesis.language) or hypothesis.excerpt.speech_ms < HOLE_MS:
        return False
    words = len(hypothesis.text.split())
    return words * 1000 < hypothesis.excerpt.speech_ms * MIN_WORDS_PER_S


def echoing(text: str, before: str) -> bool:
    """Whether a text is nothing but a piece of what the decoder knew before."""
    words = bare_words(text)
    known = bare_words(before)
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


def early_end_ms(excerpt: Excerpt, segments: Sequence[Segment]) -> int | None:
    """Where the last of some segments ends, if there is speech worth another look after it.

    From the excerpt's start; None if there is no such speech.
    """
    end_ms = excerpt.start_ms + segments[-1].end_ms
    begin_ms = excerpt.start_ms + segments[-1].start_ms
    sooner_ms = max(begin_ms, end_ms - LATE_END_MS)
    for start, stop in excerpt.window.speech_within(sooner_ms, excerpt.end_ms):
        if start > sooner_ms and stop - start >= STRETCH_MS:
            return min(end_ms, start) - excerpt.start_ms
    rest = excerpt.window.speech_within(end_ms, excerpt.end_ms)
    enough = sum(stop - start for start, stop in rest) >= HOLE_MS
    return segments[-1].end_ms if enough else None


def untold(excerpt: Excerpt, texts: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield the stretches of an excerpt between its texts that have speech worth another look.

    All are [start_ms, end_ms) of its window; the texts in time order.
    """
    free_ms = excerpt.start_ms
    for start_ms, end_ms in (*texts, (excerpt.end_ms, excerpt.end_ms)):
        if excerpt.window.speech_ms(free_ms, start_ms) >= HOLE_MS:
            yield free_ms, start_ms
        free_ms = max(free_ms, end_ms)


def _around_speech(excerpt: Excerpt, start_ms: int, end_ms: int) -> tuple[int, int]:
    within = excerpt.window.speech_within(start_ms, end_ms)
    return (
        max(excerpt.start_ms, within[0][0] - HOLE_MARGIN_MS),
        min(excerpt.end_ms, within[-1][1] + HOLE_MARGIN_MS),
    )
