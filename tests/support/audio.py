"""Test recordings: real speech, joined, in many formats; very long ones, made cheaply."""

import csv
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fanscribe.media.timeline import SAMPLE_RATE

_SHARED_SPEECH = Path(__file__).parents[3] / "shared" / "speech"
_DEBIAN_SPEECH = Path("/usr/share/pocketsphinx/test/data/librivox")

# Encoder options by file name. AAC without noise substitution, which decodes at random.
FORMATS: Final[dict[str, list[str]]] = {
    "16k.wav": [],
    "44k_stereo.wav": ["-ar", "44100", "-ac", "2"],
    "44k.flac": ["-ar", "44100"],
    "cbr.mp3": ["-ar", "44100", "-b:a", "64k", "-metadata", "title=x"],
    "cbr_stereo.mp3": ["-ar", "48000", "-ac", "2", "-b:a", "128k"],
    "cbr_8k.mp3": ["-ar", "8000", "-b:a", "16k"],
    "cbr_without_info.mp3": ["-ar", "22050", "-b:a", "32k", "-write_xing", "0"],
    "vbr.mp3": ["-ar", "32000", "-q:a", "4"],
    "vbr_without_xing.mp3": ["-ar", "44100", "-q:a", "5", "-write_xing", "0", "-write_id3v1", "1"],
    "index_last.m4a": ["-ar", "44100", "-aac_pns", "0"],
    "index_first.m4a": ["-ar", "48000", "-aac_pns", "0", "-movflags", "+faststart"],
    "opus.ogg": ["-c:a", "libopus", "-b:a", "32k"],
    "vorbis.ogg": ["-ar", "44100", "-c:a", "libvorbis"],
    "opus.mkv": ["-c:a", "libopus"],
    "layer2.mp2": ["-ar", "48000", "-b:a", "96k"],
    "mpeg.ts": ["-ar", "48000", "-b:a", "96k"],
    "adts.aac": ["-ar", "44100", "-aac_pns", "0"],
}


@dataclass(frozen=True)
class Clip:
    """A short recording of somebody speaking, and the words."""

    path: Path
    transcript: str


@dataclass(frozen=True)
class Speech:
    """A recording made of clips, with silence between them."""

    path: Path
    clips: tuple[Clip, ...]
    starts_s: tuple[float, ...]  # of each clip

    @property
    def transcript(self) -> str:
        return " ".join(clip.transcript for clip in self.clips)


@cache
def english_clips() -> tuple[Clip, ...]:
    """Return clips of English speech: many where the shared folder is, otherwise Debian's five."""
    manifest = _SHARED_SPEECH / "dev" / "manifest.tsv"
    if manifest.is_file():
        with manifest.open(newline="") as file:
            rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
        return tuple(Clip(manifest.parent / row["path"], row["transcript"]) for row in rows)
    lines = (_DEBIAN_SPEECH / "transcription").read_text().splitlines()
    matches = [re.fullmatch(r"<s> (.*) </s> \((.*)\)", line) for line in lines]
    return tuple(Clip(_DEBIAN_SPEECH / f"{match[2]}.wav", match[1]) for match in matches if match)


def joined_speech(target: Path, duration_s: float, gap_s: float = 0.6) -> Speech:
    """Join clips, again and again if need be, to a 16 kHz mono wav of at least `duration_s`."""
    pieces: list[NDArray[np.int16]] = []
    clips: list[Clip] = []
    starts_s: list[float] = []
    samples = 0
    gap = np.zeros(round(gap_s * SAMPLE_RATE), np.int16)
    decoded = {}
    while samples < duration_s * SAMPLE_RATE:
        clip = english_clips()[len(clips) % len(english_clips())]
        if clip.path not in decoded:
            decoded[clip.path] = decode(clip.path)
        starts_s.append(samples / SAMPLE_RATE)
        clips.append(clip)
        pieces += [decoded[clip.path], gap]
        samples += len(decoded[clip.path]) + len(gap)
    write_wav(target, np.concatenate(pieces))
    return Speech(target, tuple(clips), tuple(starts_s))


def write_wav(target: Path, samples: NDArray[np.int16]) -> Path:
    """Write 16 kHz mono samples as a wav file."""
    options = ["-f", "s16le", "-ar", str(SAMPLE_RATE), "-ac", "1", "-i", "pipe:0"]
    _run(["ffmpeg", "-v", "error", "-y", *options, str(target)], samples.astype("<i2").tobytes())
    return target


def encode(source: Path, target: Path, *options: str) -> Path:
    """Encode by ffmpeg, in the format that the target's name tells."""
    _run(["ffmpeg", "-v", "error", "-y", "-nostdin", "-i", str(source), *options, str(target)])
    return target


def repeated(source: Path, target: Path, duration_s: float, *options: str) -> Path:
    """Repeat an encoded recording without decoding it: ten hours within seconds."""
    loop = ["-stream_loop", "-1", "-i", str(source), "-t", str(duration_s), "-c", "copy", *options]
    _run(["ffmpeg", "-v", "error", "-y", "-nostdin", *loop, str(target)])
    return target


def silence(target: Path, duration_s: float) -> Path:
    """Write a wav file of silence that takes no room on the disk."""
    write_wav(target, np.zeros(SAMPLE_RATE, np.int16))
    header_bytes = target.stat().st_size - 2 * SAMPLE_RATE
    data_bytes = 2 * round(duration_s * SAMPLE_RATE)
    with target.open("r+b") as file:
        for offset, value in ((4, header_bytes + data_bytes - 8), (header_bytes - 4, data_bytes)):
            file.seek(offset)
            file.write(value.to_bytes(4, "little"))
        file.truncate(header_bytes + data_bytes)
    return target


def decode(path: Path, stream_index: int = 0, *, late: bool = False) -> NDArray[np.int16]:
    """Decode a whole file from its start to 16 kHz mono: the truth that spans are held against.

    Audio that starts `late` has silence before it, from the start of the file's other streams.
    """
    return np.frombuffer(_run(_decoding(path, stream_index, late=late)), "<i2")


def decode_parts(path: Path, parts: Sequence[tuple[int, int]]) -> list[NDArray[np.int16]]:
    """Decode a whole file, of any length, and keep the samples [start, end) of ascending parts."""
    kept = []
    position = 0
    with subprocess.Popen(_decoding(path, 0, late=False), stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        for start, end in parts:
            while skipped := process.stdout.read(2 * min(start - position, SAMPLE_RATE * 600)):
                position += len(skipped) // 2
            kept.append(np.frombuffer(process.stdout.read(2 * (end - start)), "<i2"))
            position = end
        process.kill()
    return kept


def _decoding(path: Path, stream_index: int, *, late: bool) -> list[str]:
    filters = (
        f"{'' if late else 'asetpts=PTS-STARTPTS,'}aresample={SAMPLE_RATE}:async=1:first_pts=0:"
        "center_mix_level=1.8:surround_mix_level=0.5,aformat=sample_fmts=s16:channel_layouts=mono"
    )
    source = ["-nostdin", "-i", str(path), "-map", f"0:{stream_index}", "-af", filters]
    return ["ffmpeg", "-v", "error", *source, "-f", "s16le", "pipe:1"]


def _run(command: list[str], stdin: bytes = b"") -> bytes:
    return subprocess.run(command, input=stdin, stdout=subprocess.PIPE, check=True).stdout
