"""Sets of recorded speech whose words are known: clips by source, joined ones, by language."""

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.recordings import (
    SHARED_SPEECH,
    Recording,
    RecordingError,
    TimedClip,
    excerpt,
    read_recording,
    read_tsv,
    timed_clips,
    write_tsv,
)
from fanscribe.media.timeline import SAMPLE_RATE
from tests.support.audio import decode, encode, write_wav

MIX: Final = "dev_mix"
CHAPTER: Final = "ljspeech_LJ001_0001-0032"
TELEPHONE: Final = "the same chapter by telephone"
_LONG: Final = {MIX: "mp3", CHAPTER: "flac"}
_GAP_S: Final = 0.5
# A telephone line: 300 to 3400 Hz, 8 kHz, 8 bits.
_LINE: Final = ("-af", "highpass=f=300,lowpass=f=3400", "-ar", "8000", "-c:a", "pcm_mulaw")


@dataclass(frozen=True)
class Spoken:
    """A recording and its words."""

    path: Path
    reference: str
    duration_s: float


@dataclass(frozen=True)
class SpeechSet:
    """Recordings that are scored together."""

    name: str
    language: str
    recordings: tuple[Spoken, ...]

    @property
    def minutes(self) -> float:
        """Length of all of them."""
        return sum(recording.duration_s for recording in self.recordings) / 60


def english_sets(folder: Path, minutes: float | None) -> list[SpeechSet]:
    """Clips by source, then the joined recordings; of each at most so many `minutes`.

    What has to be made goes to `folder`. Raises RecordingError.
    """
    clips = _clip_sets(SHARED_SPEECH / "dev", minutes, language="en")
    joined = long_recordings(folder, minutes)
    return [*clips, *(_of_one(name, recording) for name, recording in joined.items())]


def language_sets(minutes: float | None) -> list[SpeechSet]:
    """Clips by language; of each at most so many `minutes`. Raises RecordingError."""
    return _clip_sets(SHARED_SPEECH / "multilingual", minutes)


def long_recordings(folder: Path, minutes: float | None) -> dict[str, Recording]:
    """Joined recordings by name, with lists of their clips beside them. Raises RecordingError."""
    found = {}
    for name, suffix in _LONG.items():
        path = SHARED_SPEECH / "long" / f"{name}.{suffix}"
        recording = read_recording(path, path.with_suffix(".txt"))
        found[name] = excerpt(recording, minutes, folder) if minutes else recording
    return {**found, TELEPHONE: _by_telephone(found[CHAPTER], folder)}


def repeated(recording: Recording, times: int, folder: Path) -> Recording:
    """Join a joined recording to itself; what is made goes to `folder`."""
    gap = np.zeros(round(_GAP_S * SAMPLE_RATE), np.int16)
    samples = np.concatenate((decode(recording.path), gap))
    path = write_wav(folder / f"{recording.path.stem}_repeated.wav", np.tile(samples, times))
    length_s = len(samples) / SAMPLE_RATE
    clips = [
        TimedClip(turn * length_s + clip.start_s, turn * length_s + clip.end_s, clip.transcript)
        for turn in range(times)
        for clip in timed_clips(recording)
    ]
    write_tsv(path.with_suffix(".segments.tsv"), clips)
    return Recording(path, " ".join([recording.reference] * times), times * length_s)


def _by_telephone(recording: Recording, folder: Path) -> Recording:
    path = encode(recording.path, folder / "telephone.wav", *_LINE)
    write_tsv(path.with_suffix(".segments.tsv"), timed_clips(recording))
    return Recording(path, recording.reference, recording.duration_s)


def _clip_sets(folder: Path, minutes: float | None, language: str = "") -> list[SpeechSet]:
    """Group the clips of a manifest by first folder, which names the language if none is given."""
    manifest = folder / "manifest.tsv"
    if not manifest.is_file():
        raise RecordingError(f"there is no {manifest}: this needs the shared recordings of speech")
    groups: dict[str, list[Spoken]] = defaultdict(list)
    for row in read_tsv(manifest):
        group = groups[row["path"].partition("/")[0]]
        duration_s = float(row["duration_s"])
        if minutes is None or not group or sum(s.duration_s for s in group) < 60 * minutes:
            group.append(Spoken(folder / row["path"], row["transcript"], duration_s))
    return [
        SpeechSet(name, language or name, tuple(recordings)) for name, recordings in groups.items()
    ]


def _of_one(name: str, recording: Recording) -> SpeechSet:
    spoken = Spoken(recording.path, recording.reference, recording.duration_s)
    return SpeechSet(name, "en", (spoken,))
