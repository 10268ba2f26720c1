"""Joins the texts of two micro chunks that overlap, because there was no pause to cut in."""

from collections.abc import Sequence
from dataclasses import replace
from difflib import SequenceMatcher

from fanscribe.media.timeline import ms_of
from fanscribe.splitter.chunker import MicroChunk
from fanscribe.splitter.transcription import TextSegment, Transcript, Word


def left_of_seam(
    left: tuple[MicroChunk, Transcript], right: tuple[MicroChunk, Transcript]
) -> Transcript:
    """Return the text of `left` up to where the text of `right` takes over."""
    kept, _ = _seam(left, right)
    return _with_words(left[1], 0, kept)


def right_of_seam(
    left: tuple[MicroChunk, Transcript], right: tuple[MicroChunk, Transcript]
) -> Transcript:
    """Return the text of `right` from where the text of `left` ends."""
    _, first = _seam(left, right)
    return _with_words(right[1], first, len(_words(right[1])))


def without_words(transcript: Transcript) -> Transcript:
    """Leave the times of words out."""
    return replace(
        transcript, segments=tuple(replace(one, words=()) for one in transcript.segments)
    )


def _seam(
    left: tuple[MicroChunk, Transcript], right: tuple[MicroChunk, Transcript]
) -> tuple[int, int]:
    """Return how many words of `left` count, and the first word of `right` that does.

    Where both heard the same words in the overlap, the text changes over behind these: what comes
    later may be cut short in `left`, what comes earlier in `right`. Where they did not, each counts
    for its half.
    """
    begin_ms = ms_of(right[0].audio_start_sample)
    end_ms = ms_of(right[0].span.start_sample)
    before, after = _words(left[1]), _words(right[1])
    early = _count_before(before, begin_ms - ms_of(left[0].audio_start_sample))
    late = _count_before(after, end_ms - begin_ms)
    heard = SequenceMatcher(
        None, [_bare(word) for word in before[early:]], [_bare(word) for word in after[:late]]
    )
    same = heard.find_longest_match()
    if same.size:
        return early + same.a + same.size, same.b + same.size
    middle_ms = (begin_ms + end_ms) // 2
    return (
        _count_before(before, middle_ms - ms_of(left[0].audio_start_sample)),
        _count_before(after, middle_ms - begin_ms),
    )


def _count_before(words: Sequence[Word], time_ms: int) -> int:
    """Count the words whose middle comes before `time_ms` of their audio."""
    return sum((word.start_ms + word.end_ms) / 2 < time_ms for word in words)


def _words(transcript: Transcript) -> list[Word]:
    return [word for segment in transcript.segments for word in segment.words]


def _with_words(transcript: Transcript, first: int, last: int) -> Transcript:
    """Keep words [first, last) of a transcript, and the segments that have any of them."""
    segments: list[TextSegment] = []
    position = 0
    for segment in transcript.segments:
        kept = segment.words[max(0, first - position) : max(0, last - position)]
        position += len(segment.words)
        if len(kept) == len(segment.words):
            segments.append(segment)
        elif kept:
            segments.append(_shortened(segment, kept))
    return replace(transcript, segments=tuple(segments))


def _shortened(segment: TextSegment, words: tuple[Word, ...]) -> TextSegment:
    between = " " if " " in segment.text else ""
    return replace(
        segment,
        start_ms=words[0].start_ms if words[0] != segment.words[0] else segment.start_ms,
        end_ms=words[-1].end_ms if words[-1] != segment.words[-1] else segment.end_ms,
        text=between.join(word.text for word in words),
        words=words,
    )


def _bare(word: Word) -> str:
    return "".join(character for character in word.text.lower() if character.isalnum())
