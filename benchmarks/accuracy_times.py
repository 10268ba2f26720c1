"""Timestamps: where clips begin in a joined recording, drift, and words inside their segments."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.checks import Check
from benchmarks.peer import Segment, Transcription
from benchmarks.recordings import Recording, TimedClip, timed_clips
from benchmarks.table import markdown
from fanscribe.media.speech import FRAME_SAMPLES, SpeechDetector
from fanscribe.media.timeline import SAMPLE_RATE
from tests.support.audio import decode

_NEAR_MS: Final = 300
_NEAR_SHARE: Final = 95.0
_DRIFT_MS: Final = 100
# Clips begin with up to 0.7 s of silence. This much above chance, somebody speaks.
_SPEECH: Final = 0.5
_LEAD: Final = np.zeros(SAMPLE_RATE // 10, np.int16)


@dataclass(frozen=True)
class Times:
    """How one peer's times compare with where the clips begin."""

    peer: str
    offsets_ms: list[int]  # of the first word of each clip that has any, after its first speech
    missing: int  # clips without any word
    drift_ms: float  # median offset of the last third of the clips minus that of the first third

    @property
    def near_share(self) -> float:
        """Percentage of all clips whose first word is near their first speech."""
        near = sum(abs(offset) <= _NEAR_MS for offset in self.offsets_ms)
        return 100 * near / (len(self.offsets_ms) + self.missing)

    @property
    def worst_ms(self) -> int:
        """Offset that one of twenty exceeds, either way."""
        return int(np.percentile(np.abs(self.offsets_ms or [0]), 95))


def onsets_ms(recording: Recording) -> list[tuple[TimedClip, int]]:
    """Find where speech begins in each clip of a joined recording, by listening to it alone."""
    samples = decode(recording.path)
    return [(clip, _onset_ms(clip, samples)) for clip in timed_clips(recording)]


def _onset_ms(clip: TimedClip, samples: NDArray[np.int16]) -> int:
    start, end = round(clip.start_s * SAMPLE_RATE), round(clip.end_s * SAMPLE_RATE)
    heard = SpeechDetector().feed(np.concatenate((_LEAD, samples[start:end])))
    speech = np.flatnonzero(heard >= _SPEECH)
    if not len(speech):
        return round(clip.start_s * 1000)
    first = max(0, int(speech[0]) * FRAME_SAMPLES - len(_LEAD))
    return (start + first) * 1000 // SAMPLE_RATE


def times_of(
    peer: str, transcription: Transcription, onsets: Sequence[tuple[TimedClip, int]]
) -> Times:
    """Compare with the start of the first word of which more than half lies in the clip."""
    middles = [
        ((word.start_ms + word.end_ms) / 2, word.start_ms)
        for segment in transcription.segments
        for word in segment.words
    ]
    offsets_ms, missing = [], 0
    for clip, onset_ms in onsets:
        starts = [
            start_ms
            for middle_ms, start_ms in middles
            if 1000 * clip.start_s <= middle_ms < 1000 * clip.end_s
        ]
        if starts:
            offsets_ms.append(min(starts) - onset_ms)
        else:
            missing += 1
    return Times(peer, offsets_ms, missing, _drift_ms(offsets_ms))


def _drift_ms(offsets_ms: Sequence[int]) -> float:
    if not offsets_ms:
        return 0.0
    third = max(1, len(offsets_ms) // 3)
    return median(offsets_ms[-third:]) - median(offsets_ms[:third])


def time_checks(name: str, times: Times, segments: Sequence[Segment]) -> list[Check]:
    """Bounds for fanscribe's own times."""
    return [
        Check(
            f"{name}: clips that begin within {_NEAR_MS} ms, %",
            times.near_share,
            _NEAR_SHARE,
            "min",
        ),
        Check(f"{name}: drift, ms", abs(times.drift_ms), _DRIFT_MS, "max"),
        Check(f"{name}: words out of order", words_out_of_order(segments), 0, "max"),
        Check(f"{name}: words outside their segments", words_outside(segments), 0, "max"),
        Check(f"{name}: words without a time", words_without_time(segments), 0, "max"),
    ]


def words_out_of_order(segments: Sequence[Segment]) -> int:
    """Count words that begin before the one before them ends, or end before they begin."""
    words = [word for segment in segments for word in segment.words]
    backward = sum(word.end_ms < word.start_ms for word in words)
    return backward + sum(after.start_ms < before.end_ms for before, after in pairwise(words))


def words_outside(segments: Sequence[Segment]) -> int:
    """Count words that are not inside their segment's span."""
    return sum(
        not segment.start_ms <= word.start_ms <= word.end_ms <= segment.end_ms
        for segment in segments
        for word in segment.words
    )


def words_without_time(segments: Sequence[Segment]) -> int:
    """Count the words of segments' text that none of the timed words accounts for."""
    return sum(
        len(segment.text.split())
        for segment in segments
        if _letters(segment.text) != _letters("".join(word.text for word in segment.words))
    )


def _letters(text: str) -> str:
    return re.sub(r"\s", "", text)


def times_table(found: Mapping[str, Sequence[Times]]) -> str:
    """Render the times of all peers, by recording."""
    headings = ("", "", "near, %", "median ms", "95 % within ms", "drift ms", "clips without words")
    return markdown(
        headings,
        [
            (
                name,
                times.peer,
                f"{times.near_share:.1f}",
                f"{median(times.offsets_ms or [0]):+.0f}",
                str(times.worst_ms),
                f"{times.drift_ms:+.0f}",
                str(times.missing),
            )
            for name, several in found.items()
            for times in several
        ],
    )
