"""Texts of micro chunks as one, seams and all, as splitters join them."""

from collections.abc import Sequence

from benchmarks.peer import Segment, Word
from fanscribe.media.timeline import ms_of
from fanscribe.splitter.chunker import MicroChunk
from fanscribe.splitter.seams import left_of_seam, right_of_seam
from fanscribe.splitter.transcription import TextSegment, Transcript


def joined(heard: Sequence[tuple[MicroChunk, Transcript]]) -> list[Segment]:
    """Return the segments of micro chunks in time order; times become those of the recording."""
    segments: list[Segment] = []
    for index, (chunk, transcript) in enumerate(heard):
        kept = transcript
        if chunk.continues:
            kept = right_of_seam(heard[index - 1], (chunk, kept))
        if chunk.cut_in_speech:
            kept = left_of_seam((chunk, kept), heard[index + 1])
        offset_ms = ms_of(chunk.audio_start_sample)
        segments += [_moved(segment, offset_ms, kept.language) for segment in kept.segments]
    return segments


def _moved(segment: TextSegment, offset_ms: int, language: str) -> Segment:
    return Segment(
        offset_ms + segment.start_ms,
        offset_ms + segment.end_ms,
        segment.text,
        language,
        tuple(
            Word(offset_ms + word.start_ms, offset_ms + word.end_ms, word.text)
            for word in segment.words
        ),
    )
