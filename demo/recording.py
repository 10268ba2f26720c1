"""Three minutes of real speech, joined from the short clips of Debian's pocketsphinx-testdata."""

import re
import sys
import wave
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

CLIPS = Path("/usr/share/pocketsphinx/test/data/librivox")

_SAMPLE_RATE = 16_000
_BYTES_PER_SAMPLE = 2
_PAUSE_S = 0.8
# Of 5 s on average.
_CLIPS_TOLD = 31

# <s> the words </s> (name)
_LINE = re.compile(r"<s> (?P<text>.*) </s> \((?P<name>.*)\)")


@dataclass(frozen=True)
class Clip:
    """A sentence as 16 kHz mono 16-bit samples, and its words."""

    pcm: bytes
    text: str


def read_clips(folder: Path) -> list[Clip]:
    """Read the clips of `folder` in the order of its transcription."""
    if not folder.is_dir():
        sys.exit(f"demo: no {folder}: install Debian's pocketsphinx-testdata (`make setup` does)")
    lines = (folder / "transcription").read_text(encoding="utf-8")
    return [
        Clip(_samples(folder / f"{match['name']}.wav"), match["text"])
        for match in _LINE.finditer(lines)
    ]


def write_recording(clips: list[Clip], path: Path) -> list[Clip]:
    """Write the clips one after another, with pauses, until it is long; returns what is told."""
    told = list(islice(cycle(clips), _CLIPS_TOLD))
    pause = bytes(int(_PAUSE_S * _SAMPLE_RATE) * _BYTES_PER_SAMPLE)
    with wave.open(str(path), "wb") as recording:
        recording.setnchannels(1)
        recording.setsampwidth(_BYTES_PER_SAMPLE)
        recording.setframerate(_SAMPLE_RATE)
        for clip in told:
            recording.writeframes(clip.pcm + pause)
    return told


def _samples(path: Path) -> bytes:
    with wave.open(str(path), "rb") as clip:
        form = (clip.getnchannels(), clip.getsampwidth(), clip.getframerate())
        if form != (1, _BYTES_PER_SAMPLE, _SAMPLE_RATE):
            sys.exit(f"demo: {path} is not 16 kHz mono with 16 bits")
        return clip.readframes(clip.getnframes())
