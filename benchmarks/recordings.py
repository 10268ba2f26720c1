"""Recordings to run benchmarks on, and the words that are spoken in them."""

import csv
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from subprocess import CalledProcessError

import numpy as np
from numpy.typing import NDArray

from fanscribe.media.timeline import SAMPLE_RATE
from tests.support.audio import decode, encode, english_clips, write_wav

SHARED_SPEECH = Path(__file__).parents[2] / "shared" / "speech"
_LONG_SPEECH = SHARED_SPEECH / "long" / "dev_mix.mp3"
_PASSAGE = Path(__file__).with_name("passage.txt")

_GAP_S = 0.8
# The passage is read once at each pace; 1 is the voice's own.
_PACES = (1.0, 0.85)
_WARM_UP_S = 20


class RecordingError(Exception):
    """A recording or its reference cannot be used."""


@dataclass(frozen=True)
class Recording:
    """A recording of English speech."""

    path: Path
    reference: str  # the words
    duration_s: float  # of what decodes


@dataclass(frozen=True)
class TimedClip:
    """A part of a joined recording: [start_s, end_s), and the words in it."""

    start_s: float
    end_s: float
    transcript: str


def read_recording(path: Path, reference_path: Path) -> Recording:
    """Take a recording and the text file with its words. Raises RecordingError."""
    if not (path.is_file() and reference_path.is_file()):
        raise RecordingError(f"there is no {path}, or no {reference_path}")
    return _recording(path, reference_path.read_text(encoding="utf-8"))


def timed_clips(recording: Recording) -> list[TimedClip]:
    """Read the list of clips that lies beside a joined recording. Raises RecordingError."""
    path = recording.path.with_suffix(".segments.tsv")
    if not path.is_file():
        raise RecordingError(f"there is no {path}, which would tell the clips")
    return [
        TimedClip(float(row["start_s"]), float(row["end_s"]), row["transcript"])
        for row in read_tsv(path)
    ]


def read_tsv(path: Path) -> list[dict[str, str]]:
    """Read a table whose first line names the columns."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def excerpt(recording: Recording, minutes: float, folder: Path) -> Recording:
    """Take the clips of a joined recording's first minutes. Raises RecordingError."""
    clips = [clip for clip in timed_clips(recording) if clip.end_s <= 60 * minutes]
    if not clips:
        raise RecordingError(f"no clip of {recording.path} ends within {minutes} minutes")
    path = encode(
        recording.path, folder / f"{recording.path.stem}.flac", "-t", str(clips[-1].end_s)
    )
    write_tsv(path.with_suffix(".segments.tsv"), clips)
    return _recording(path, " ".join(clip.transcript for clip in clips))


def write_tsv(path: Path, clips: list[TimedClip]) -> None:
    """Write the list of clips that belongs beside a joined recording."""
    lines = [f"{clip.start_s}\t{clip.end_s}\t{clip.transcript}" for clip in clips]
    path.write_text("\n".join(["start_s\tend_s\ttranscript", *lines]) + "\n", encoding="utf-8")


def default_recording(folder: Path) -> Recording:
    """Take the long recording of real speech where it exists, or make one in `folder`."""
    if _LONG_SPEECH.is_file():
        return read_recording(_LONG_SPEECH, _LONG_SPEECH.with_suffix(".txt"))
    return made_recording(folder)


def made_recording(folder: Path) -> Recording:
    """Make an mp3 in `folder`, some ten minutes: a synthetic voice reads, people speak between."""
    # Needed only here; the voice is loaded on import.
    from hibari import Hibari  # noqa: PLC0415

    voice = Hibari()
    paragraphs = _PASSAGE.read_text(encoding="utf-8").strip().split("\n\n")
    clips = cycle(english_clips())
    gap = np.zeros(round(_GAP_S * SAMPLE_RATE), np.int16)
    pieces: list[NDArray[np.int16]] = []
    words: list[str] = []
    for pace in _PACES:
        for paragraph, clip in zip(paragraphs, clips, strict=False):
            voice.save(paragraph, str(folder / "paragraph.wav"), speed=pace, seed=0)
            pieces += [decode(folder / "paragraph.wav"), gap, decode(clip.path), gap]
            words += [paragraph, clip.transcript]
    spoken = write_wav(folder / "spoken.wav", np.concatenate(pieces))
    return _recording(
        encode(spoken, folder / "read_and_spoken.mp3", "-b:a", "64k"), "\n".join(words)
    )


def beginning(recording: Recording, folder: Path) -> Path:
    """Write the recording's first seconds to `folder`, for peers to warm up with."""
    return encode(recording.path, folder / "warm_up.wav", "-t", str(_WARM_UP_S))


def _recording(path: Path, reference: str) -> Recording:
    try:
        samples = len(decode(path))
    except CalledProcessError as error:
        raise RecordingError(f"ffmpeg cannot decode {path}; what it said is above") from error
    if not samples or not reference.strip():
        raise RecordingError(f"{path}: there is no audio, or no reference text")
    return Recording(path, reference, samples / SAMPLE_RATE)
