"""The format matrix: every kind of recording there is a promise for, made on the spot by ffmpeg.

Audio is encoded once per codec, rate and layout, and put into containers from there, so that fifty
minutes in all formats take a few minutes to make. What is promised stands beside each format.
"""

import math
import subprocess
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tests.support.audio import decode, encode

# Of the file, for all readings of a job together.
INDEXED_BYTES: Final = 1.15
LIVE_BYTES: Final = 1.4  # live webm: nothing tells where anything is
SCANNED_BYTES: Final = 2.1  # where one pass over the bytes cannot be avoided


class Exactness(StrEnum):
    """How like those of a full decode the samples of spans are."""

    EXACT = "exact"  # the very same
    # Decoders that calculate in floating point round otherwise where they start elsewhere.
    LAST_BITS = "last bits"
    # The decoder adds noise of its own, another one each time.
    IN_TIME = "in time"

    def holds(self, exact_share: float, close_share: float) -> bool:
        """Whether samples are as like as this: shares of the same and of those nearly so."""
        # A sample in ten thousand may be rounded otherwise: a span's first ones, mostly.
        needed = {self.EXACT: (0.9999, 1.0), self.LAST_BITS: (0.0, 0.9999), self.IN_TIME: (0, 0)}
        exact, close = needed[self]
        return exact_share >= exact and close_share >= close


@dataclass(frozen=True)
class Codec:
    """How audio is encoded, and the container in which it waits to be put into others."""

    name: str
    suffix: str
    options: tuple[str, ...]


@dataclass(frozen=True)
class Format:
    """A kind of recording, and what is promised of reading it in spans."""

    name: str  # of the file, too
    codec: Codec
    rate_hz: int
    channels: int
    container: tuple[str, ...] = ()  # options of the muxer
    video: bool = False
    late_s: float = 0.0  # audio starts after the picture
    start_s: float = 0.0  # time stamp at which the file starts
    piped: bool = False  # written to a pipe: nothing is filled in afterwards
    joined: bool = False  # the recording twice, one behind the other
    sequential: bool = False  # nothing leads into its middle: decoded in one go
    exactness: Exactness = Exactness.EXACT
    offset_ms: float = 1.0
    byte_bound: float = INDEXED_BYTES

    @property
    def stream_index(self) -> int:
        """Index of the audio stream."""
        return 1 if self.video else 0


PCM: Final = Codec("pcm", "wav", ())
MULAW: Final = Codec("mulaw", "wav", ("-c:a", "pcm_mulaw"))
FLAC: Final = Codec("flac", "flac", ())
ALAC: Final = Codec("alac", "m4a", ("-c:a", "alac"))
MP3: Final = Codec("mp3_cbr", "mp3", ("-b:a", "64k"))
MP3_16K: Final = Codec("mp3_16k", "mp3", ("-b:a", "16k"))
MP3_VBR: Final = Codec("mp3_vbr", "mp3", ("-q:a", "5"))
MP2: Final = Codec("mp2", "mp2", ("-b:a", "96k"))
AAC: Final = Codec("aac", "m4a", ("-aac_coder", "fast", "-aac_pns", "0", "-b:a", "64k"))
AAC_NOISE: Final = Codec("aac_noise", "m4a", ("-aac_coder", "fast", "-b:a", "32k"))
AAC_SURROUND: Final = Codec("aac_surround", "m4a", ("-aac_coder", "fast", "-aac_pns", "0"))
AC3: Final = Codec("ac3", "ac3", ("-b:a", "192k"))
DTS: Final = Codec("dts", "dts", ("-c:a", "dca", "-strict", "-2"))
VORBIS: Final = Codec("vorbis", "ogg", ("-c:a", "libvorbis", "-q:a", "2"))
OPUS: Final = Codec("opus", "ogg", ("-c:a", "libopus", "-b:a", "32k"))
WMA: Final = Codec("wma", "wma", ("-b:a", "64k"))

_FRAGMENTS: Final = ("-frag_duration", "5000000", "-movflags")
_NO_XING: Final = ("-write_xing", "0")

FORMATS: Final[tuple[Format, ...]] = (
    Format("pcm_48k_stereo.wav", PCM, 48_000, 2),
    Format("pcm_16k.wav", PCM, 16_000, 1),
    Format("mulaw_8k.wav", MULAW, 8_000, 1),
    Format("mono.flac", FLAC, 44_100, 1),
    Format("surround.flac", FLAC, 48_000, 6),
    Format("alac.m4a", ALAC, 44_100, 2),
    Format("cbr.mp3", MP3, 44_100, 1),
    Format("cbr_8k.mp3", MP3_16K, 8_000, 1),
    Format("cbr_without_xing.mp3", MP3, 44_100, 1, _NO_XING, byte_bound=SCANNED_BYTES),
    Format("vbr.mp3", MP3_VBR, 48_000, 2, byte_bound=SCANNED_BYTES),
    Format(
        *("vbr_without_xing.mp3", MP3_VBR, 48_000, 2, _NO_XING),
        byte_bound=SCANNED_BYTES,
    ),
    Format("index_last.m4a", AAC, 44_100, 1),
    Format("faststart.m4a", AAC, 48_000, 2, ("-movflags", "+faststart")),
    Format("noise.m4a", AAC_NOISE, 44_100, 1, exactness=Exactness.IN_TIME),
    Format("surround.m4a", AAC_SURROUND, 48_000, 6),
    Format(
        *("fragments_sidx.mp4", AAC, 44_100, 1),
        (*_FRAGMENTS, "+empty_moov+default_base_moof+global_sidx+skip_trailer"),
    ),
    Format(
        *("fragments_mfra.mp4", AAC, 44_100, 1),
        (*_FRAGMENTS, "+empty_moov+default_base_moof"),
    ),
    Format(
        *("fragments_without_index.mp4", AAC, 48_000, 2),
        (*_FRAGMENTS, "+empty_moov+default_base_moof+skip_trailer"),
    ),
    Format("adts.aac", AAC, 44_100, 1, byte_bound=SCANNED_BYTES),
    Format("vorbis.ogg", VORBIS, 44_100, 2),
    Format("opus.ogg", OPUS, 48_000, 1, exactness=Exactness.LAST_BITS),
    Format("cues.webm", OPUS, 48_000, 1, exactness=Exactness.LAST_BITS),
    Format(
        *("live.webm", OPUS, 48_000, 1, ("-live", "1")),
        exactness=Exactness.LAST_BITS,
        byte_bound=LIVE_BYTES,
    ),
    Format("cues.mkv", AAC, 44_100, 1),
    Format("live.mkv", AAC, 44_100, 1, ("-live", "1"), byte_bound=LIVE_BYTES),
    Format("without_cues.mkv", AAC, 48_000, 2, piped=True),
    Format("video.mp4", AAC, 48_000, 2, video=True),
    Format("video.mkv", AAC, 48_000, 2, video=True),
    Format("surround_video.mkv", AC3, 48_000, 6, video=True, exactness=Exactness.IN_TIME),
    Format("aac.ts", AAC, 48_000, 2),
    Format("video.ts", MP2, 48_000, 2, video=True, exactness=Exactness.LAST_BITS),
    Format("mp3.avi", MP3, 44_100, 1, video=True),
    Format("wma2.wma", WMA, 44_100, 1),
    Format("late.mp4", AAC, 48_000, 2, video=True, late_s=4.2),
    Format("late.mkv", AAC, 48_000, 2, video=True, late_s=4.2),
    Format("from_100_s.mp4", AAC, 44_100, 1, start_s=100.0),
    Format("from_100_s.mkv", AAC, 44_100, 1, start_s=100.0),
    Format("from_100_s.ts", AAC, 48_000, 2, start_s=100.0),
    Format("bare.ac3", AC3, 48_000, 2, sequential=True),
    Format("bare.dts", DTS, 48_000, 2, sequential=True),
    # Behind the join, the decoder has something before it. What the Opus encoder puts before the
    # first sample, 6.5 ms, is left out of the first part alone.
    Format(
        *("joined.ogg", OPUS, 48_000, 1),
        joined=True,
        sequential=True,
        exactness=Exactness.IN_TIME,
        offset_ms=7.0,
    ),
    Format(
        *("joined.ts", AAC, 48_000, 2), joined=True, sequential=True, exactness=Exactness.IN_TIME
    ),
)
BY_NAME: Final = {one.name: one for one in FORMATS}

# Of the 10-hour rows, too long to be encoded: repeated.
LONG: Final = (
    *("cbr.mp3", "vbr_without_xing.mp3"),
    *("index_last.m4a", "fragments_without_index.mp4"),
)

# Where the voice is in six channels: in the centre, with a murmur around it.
_SURROUND: Final = "pan=5.1|FC=c0|FL=0.05*c0|FR=0.05*c0|LFE=0.02*c0|BL=0.03*c0|BR=0.03*c0"


def make(wanted: Format, speech: Path, folder: Path) -> Path:
    """Make a recording of `speech` in a format; what was made in `folder` before is used again."""
    target = folder / wanted.name
    if not target.exists():
        inputs = [_essence(wanted, speech, folder)]
        if wanted.video:
            inputs.insert(0, _picture(speech, folder))
        _put(wanted, inputs, target)
        if wanted.joined:
            target.write_bytes(target.read_bytes() * 2)
    return target


def make_long(wanted: Format, speech: Path, folder: Path, duration_s: float) -> Path:
    """Make a recording of at least `duration_s`, mp3 or AAC, by repeating a shorter one.

    Bare frames are repeated, which nothing but their number gives a time: no seam shows.
    """
    target = folder / wanted.name
    if not target.exists():
        essence = _essence(wanted, speech, folder)
        is_mp3 = essence.suffix == ".mp3"
        bare = ("mp3", "-write_xing", "0", "-id3v2_version", "0") if is_mp3 else ("adts",)
        frames = _ffmpeg("-i", str(essence), "-c", "copy", "-f", *bare, "pipe:1")
        repeated = frames * math.ceil(duration_s / _duration_s(essence))
        # Another step, because mp4 wants to know before the first frame what the frames are like.
        whole = essence.with_stem(f"whole_{essence.stem}")
        source = ("-f", "mp3" if is_mp3 else "aac", "-i", "pipe:0")
        _ffmpeg(*source, "-c", "copy", str(whole), data=repeated)
        _ffmpeg("-i", str(whole), "-c", "copy", *wanted.container, str(target))
        whole.unlink()
    return target


def truth(wanted: Format, path: Path) -> NDArray[np.int16]:
    """Decode a recording that was made: what its spans are held against."""
    if not wanted.joined:
        return decode(path, wanted.stream_index, late=wanted.late_s > 0)
    once = path.with_stem(f"one_of_{path.stem}")
    content = path.read_bytes()
    once.write_bytes(content[: len(content) // 2])
    samples = decode(once, wanted.stream_index)
    once.unlink()
    return np.concatenate([samples, samples])


def _essence(wanted: Format, speech: Path, folder: Path) -> Path:
    """Encode the audio, once for all formats that share it."""
    codec = wanted.codec
    name = f"{codec.name}_{wanted.rate_hz}_{wanted.channels}.{codec.suffix}"
    target = folder / "audio" / name
    if not target.exists():
        target.parent.mkdir(exist_ok=True)
        layout = ("-af", _SURROUND) if wanted.channels == 6 else ("-ac", str(wanted.channels))
        encode(speech, target, *layout, "-ar", str(wanted.rate_hz), *codec.options)
    return target


def _picture(speech: Path, folder: Path) -> Path:
    """Encode a picture as long as the speech and five seconds more, once."""
    target = folder / "audio" / "picture.mp4"
    if not target.exists():
        target.parent.mkdir(exist_ok=True)
        moving = ("-f", "lavfi", "-i", "testsrc2=size=160x120:rate=5")
        # As long as the speech, then five seconds of the last frame.
        longer = ("-map", "1:v", "-c:v", "mpeg4", "-b:v", "60k", "-g", "25")
        encode(speech, target, *moving, *longer, "-t", f"{_duration_s(speech) + 5:.3f}")
    return target


def _put(wanted: Format, inputs: list[Path], target: Path) -> None:
    """Put encoded streams into the container."""
    command: list[str] = []
    for path in inputs:
        if wanted.late_s and path == inputs[-1]:
            command += ["-itsoffset", str(wanted.late_s)]
        command += ["-i", str(path)]
    for number in range(len(inputs)):
        command += ["-map", str(number)]
    command += ["-c", "copy", "-output_ts_offset", str(wanted.start_s), *wanted.container]
    if wanted.piped:
        target.write_bytes(_ffmpeg(*command, "-f", "matroska", "pipe:1"))
    else:
        _ffmpeg(*command, str(target))


def _ffmpeg(*arguments: str, data: bytes = b"") -> bytes:
    command = ["ffmpeg", "-v", "error", "-y", *arguments]
    return subprocess.run(command, input=data, check=True, stdout=subprocess.PIPE).stdout


def _duration_s(path: Path) -> float:
    entries = ["-show_entries", "format=duration", "-of", "csv=p=0", str(path)]
    told = subprocess.run(["ffprobe", "-v", "error", *entries], check=True, stdout=subprocess.PIPE)
    return float(told.stdout)
