"""Timestamps: where clips begin in a joined recording, drift, and words inside their segments."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from statistics import median
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.checks import Check
from benchmarks.peer import Segment, Transcription
from benchmarks.recordings import Recording, TimedClip, timed_clips
from benchmarks.table import markdown
from fanscribe.media.speech import FRAME_SAMPLES, SpeechDetector
from fanscribe.media.timeline import SAMPLE_RATE, ms_of
from tests.support.audio import decode

_NEAR_MS: Final = 300
_NEAR_SHARE: Final = 95.0
_DRIFT_MS: Final = 100
# Clips begin with up to 0.7 s of silence. This much above chance, somebody speaks.
_SPEECH: Final = 0.5
_LEAD: Final = np.zeros(SAMPLE_RATE // 10, np.int16)


@dataclass(frozen=True)
class Onset:
    """Where a clip of a joined recording begins, and where somebody begins to speak in it."""

    start_ms: int
    end_ms: int
    speech_ms: int


@dataclass(frozen=True)
class Times:
    """How one peer's times compare with where the clips begin."""

    peer: str
    onsets: list[Onset]
    starts_ms: list[int | None]  # of the first word of each clip; None: there is no word
    repetitions: int  # of all clips, one after the other

    @property
    def offsets_ms(self) -> list[int]:
        """How much later than the first speech the first word begins, where there is one."""
        return [
            start_ms - onset.speech_ms
            for onset, start_ms in zip(self.onsets, self.starts_ms, strict=True)
            if start_ms is not None
        ]

    @property
    def missing(self) -> int:
        """Number of clips without any word."""
        return self.starts_ms.count(None)

    @property
    def near_share(self) -> float:
        """Percentage of all clips whose first word is near their first speech."""
        near = sum(abs(offset_ms) <= _NEAR_MS for offset_ms in self.offsets_ms)
        return 100 * near / len(self.starts_ms)

    @property
    def inside_share(self) -> float:
        """The same, but a word that begins in the clip's silence before the speech is right too."""
        near = sum(
            start_ms is not None
            and onset.start_ms - _NEAR_MS <= start_ms <= onset.speech_ms + _NEAR_MS
            for onset, start_ms in zip(self.onsets, self.starts_ms, strict=True)
        )
        return 100 * near / len(self.starts_ms)

    @property
    def worst_ms(self) -> int:
        """Offset that one of twenty exceeds, either way."""
        return int(np.percentile(np.abs(self.offsets_ms or [0]), 95))

    @property
    def drift_ms(self) -> float | None:
        """How much later words begin in the last repetition than in the first; median."""
        if self.repetitions == 1:
            return None
        clips = len(self.onsets) // self.repetitions
        begun = [
            None if start_ms is None else start_ms - onset.speech_ms
            for onset, start_ms in zip(self.onsets, self.starts_ms, strict=True)
        ]
        pairs = zip(begun[:clips], begun[-clips:], strict=True)
        return median(
            [last - first for first, last in pairs if first is not None and last is not None] or [0]
        )

    def to_json(self) -> dict[str, Any]:
        """Turn into what JSON can hold."""
        figures = ("near_share", "inside_share", "worst_ms", "drift_ms", "missing")
        return {**asdict(self), **{figure: getattr(self, figure) for figure in figures}}


def find_onsets(recording: Recording) -> list[Onset]:
    """Find where speech begins in each clip of a joined recording, by listening to it alone."""
    samples = decode(recording.path)
    return [_onset(clip, samples) for clip in timed_clips(recording)]


def _onset(clip: TimedClip, samples: NDArray[np.int16]) -> Onset:
    start, end = round(clip.start_s * SAMPLE_RATE), round(clip.end_s * SAMPLE_RATE)
    heard = SpeechDetector().feed(np.concatenate((_LEAD, samples[start:end])))
    speech = np.flatnonzero(heard >= _SPEECH)
    first = int(speech[0]) * FRAME_SAMPLES - len(_LEAD) if len(speech) else 0
    return Onset(ms_of(start), ms_of(end), ms_of(start + max(0, first)))


def times_of(
    peer: str, transcription: Transcription, onsets: Sequence[Onset], repetitions: int
) -> Times:
    """Find the first word of each clip, of which more than half lies in it."""
    words = [
        ((word.start_ms + word.end_ms) / 2, word.start_ms)
        for segment in transcription.segments
        for word in segment.words
    ]
    starts_ms = [
        min(
            (start_ms for middle_ms, start_ms in words if one.start_ms <= middle_ms < one.end_ms),
            default=None,
        )
        for one in onsets
    ]
    return Times(peer, list(onsets), starts_ms, repetitions)


def time_checks(name: str, times: Times, segments: Sequence[Segment]) -> list[Check]:
    """Bounds for fanscribe's own times."""
    return [
        Check(
            f"{name}: clips that begin within {_NEAR_MS} ms, %",
            times.inside_share,
            _NEAR_SHARE,
            "min",
        ),
        *(
            [Check(f"{name}: drift, ms", abs(times.drift_ms), _DRIFT_MS, "max")]
            if times.drift_ms is not None
            else []
        ),
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
    headings = ("", "", "near, %", "or in silence", "median ms", "95 % within", "drift", "wordless")
    return markdown(
        headings,
        [
            (
                name,
                times.peer,
                f"{times.near_share:.1f}",
                f"{times.inside_share:.1f}",
                f"{median(times.offsets_ms or [0]):+.0f}",
                str(times.worst_ms),
                "" if times.drift_ms is None else f"{times.drift_ms:+.0f}",
                str(times.missing),
            )
            for name, several in found.items()
            for times in several
        ],
    )
