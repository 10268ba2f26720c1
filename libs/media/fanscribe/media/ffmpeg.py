"""The home of ffmpeg: what it is told and how it is run."""

import asyncio
import logging
import os
import re
import shutil
import signal
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

import ffmpeg

from fanscribe.media.anchor import Anchor
from fanscribe.media.framegrid import FrameGrid
from fanscribe.media.limits import KIB, MediaLimits
from fanscribe.media.recording import Recording
from fanscribe.media.timeline import SAMPLE_RATE
from fanscribe.runtime.errors import FanscribeError, Reason

_log = logging.getLogger(__name__)

# Containers that hold media themselves. Playlists (hls, dash, concat, sdp …) name other URLs and
# must never be followed.
_DEMUXERS = (
    "aac,ac3,aiff,amr,amrnb,amrwb,ape,asf,au,avi,caf,dts,eac3,flac,flv,matroska,mov,mp3,mpc,mpc8,"
    "mpeg,mpegts,mxf,ogg,tak,tta,w64,wav,wv"
)
# What ffmpeg's socket holds was fetched but may never be asked for: little of it.
_INPUT = {
    "format_whitelist": _DEMUXERS,
    "protocol_whitelist": "http,tcp",
    "max_redirects": 0,
    "recv_buffer_size": 24 * KIB,
}
# Its messages are in English. Should it ever be made to ask for another URL than ours, it asks a
# proxy that is not there.
_ENVIRONMENT = {
    "PATH": os.environ.get("PATH", os.defpath),
    "LC_ALL": "C",
    "http_proxy": "http://127.0.0.1:1",
    "no_proxy": "127.0.0.1",
}
_STDERR_TAIL_LINES = 40
# What decoders and demuxers say of damage. Other complaints are about what they cope with.
_DAMAGE = re.compile(
    "Error while decoding|corrupt|CRC mismatch|crc check failed|invalid as first byte"
    "|exceeds containing master|PES packet size mismatch"
)
_PROBED_PACKETS = 20
_SEEK_PREROLL_US = 300_000  # where the first frame is left out
_NO_GAP_S = 0.02
_SEQUENCE_RUN_UP_S = 0.5

# To mono: two channels count half each, which never clips. Of more, the centre is where people
# speak; ffmpeg's own weights would make it a murmur.
_MIX = "center_mix_level=1.8:surround_mix_level=0.5"

_PROGRAMS = ("ffmpeg", "ffprobe", "setpriv", "prlimit")

# A message of ffmpeg's: nothing in its output tells that a duration is a guess.
_OUT_OF_MEMORY = "Cannot allocate memory"
DURATION_ESTIMATED = "Estimating duration from bitrate"


def require_programs() -> None:
    """Raise RuntimeError unless everything that is run here is installed."""
    missing = [name for name in _PROGRAMS if shutil.which(name) is None]
    if missing:
        raise RuntimeError(f"not installed: {', '.join(missing)} (Debian: ffmpeg, util-linux)")


class Process:
    """A running ffmpeg or ffprobe."""

    def __init__(self, process: asyncio.subprocess.Process, stdout: asyncio.StreamReader) -> None:
        self.stdout = stdout
        self.messages: deque[str] = deque(maxlen=_STDERR_TAIL_LINES)  # its last words
        self._process = process
        self._drained = asyncio.create_task(self._drain())

    async def exit_code(self) -> int:
        """Wait for the end; call it after the end of `stdout`."""
        return await self._process.wait()

    async def has_met_damage(self) -> bool:
        """Whether it told of something that it could not decode; call it after the end."""
        await asyncio.wait([self._drained])
        return any(_DAMAGE.search(line) for line in self.messages)

    async def check_bounds(self) -> None:
        """Raise MEDIA_UNREADABLE if it ended for lack of CPU time or memory; after `stdout`."""
        exit_code = await self.exit_code()
        out_of_memory = exit_code != 0 and any(_OUT_OF_MEMORY in line for line in self.messages)
        # Nobody but the kernel kills it here: at the bound of its CPU time, or of the machine.
        if exit_code == -signal.SIGKILL or out_of_memory:
            raise FanscribeError(
                Reason.MEDIA_UNREADABLE,
                "reading the recording takes more computing or memory than is allowed; convert it"
                " to a common format, such as m4a",
            )

    async def _drain(self) -> None:
        assert self._process.stderr is not None  # noqa: S101  it is piped
        while line := await self._process.stderr.read(8 * KIB):
            self.messages.extend(line.decode(errors="replace").splitlines())

    async def _kill(self) -> None:
        if self._process.returncode is None:
            with suppress(ProcessLookupError):  # it has just ended by itself
                os.killpg(self._process.pid, signal.SIGKILL)
        while await self.stdout.read(64 * KIB):
            pass  # an unread pipe would keep the process's transport open
        await self._process.wait()


@asynccontextmanager
async def running(arguments: Sequence[str], limits: MediaLimits) -> AsyncIterator[Process]:
    """Run a command while inside; on leaving, it and whatever it started are killed.

    It has so much memory and CPU time as `limits` say, and can write no file.
    """
    child = await asyncio.create_subprocess_exec(
        # Dies with us, however we end.
        *("setpriv", "--pdeathsig", "KILL", "--"),
        *("prlimit", f"--as={limits.ffmpeg_memory_bytes}", f"--cpu={limits.ffmpeg_cpu_s}"),
        *("--core=0", "--fsize=0", "--", *arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
        env=_ENVIRONMENT,
        limit=64 * KIB,
    )
    assert child.stdout is not None  # noqa: S101  it is piped
    process = Process(child, child.stdout)
    try:
        yield process
    finally:
        await process._kill()  # noqa: SLF001
        await process._drained  # noqa: SLF001


def probe_arguments(url: str, streams: str) -> list[str]:
    """Command that describes the container, some streams ("a": all audio) and first frames."""
    entries = (
        "format=format_name,probe_score,nb_streams,start_time,duration"
        ":stream=index,codec_name,sample_rate,time_base,start_time,duration,channels"
        ":stream_tags=language:stream_disposition=default"
        ":frame=pts_time,nb_samples,pkt_size,pkt_duration_time"
    )
    select = ["-select_streams", streams, "-read_intervals", f"%+#{_PROBED_PACKETS}"]
    # Fragments of mp4 are not looked for: that would be reading the whole recording.
    select += ["-fflags", "+ignidx"]
    return [*_ffprobe("warning"), *select, "-show_entries", entries, "-of", "json", url]


def scan_arguments(url: str, stream_index: int) -> list[str]:
    """Command that writes a line "pts_time,duration_time" for each packet of a stream."""
    entries = "packet=pts_time,duration_time"
    select = ["-select_streams", str(stream_index), "-show_entries", entries]
    return [*_ffprobe("error"), *select, "-of", "csv=p=0", url]


def _ffprobe(verbosity: str) -> list[str]:
    options = [part for key, value in _INPUT.items() for part in (f"-{key}", str(value))]
    return ["ffprobe", "-v", verbosity, "-threads", "1", *options]


def run_up_s(start_sample: int) -> int:
    """Second of the timeline at which decoding begins for a span from `start_sample`.

    Decoders and the resampler need a run-up of a second, which is dropped again. A whole second
    lies on the sample grid of every usual rate, so the resampler's phase, and with it every sample,
    is the same as in one decode from the start.
    """
    return max(0, start_sample // SAMPLE_RATE - 1)


def extract_arguments(
    url: str,
    recording: Recording,
    anchor: Anchor | None,
    start_sample: int,
    end_sample: int | None,
) -> list[str]:
    """Command that writes [start_sample, end_sample) of the timeline to its standard output.

    It writes s16le, mono, 16 kHz; `end_sample` None means until the end of the recording. At `url`
    is the view from `anchor` on, or else the whole recording.
    """
    from_s = run_up_s(start_sample)
    from_us = recording.start_time_us + from_s * 1_000_000
    options: dict[str, object] = {**_INPUT, "threads": 1}
    filters: list[str] = []
    if anchor is not None:
        options |= _view_options(recording.container)
        from_us -= anchor.offset_us
    elif from_s:
        # ffmpeg's own cut after a seek would be as inexact as the container's time stamps.
        seek_us = from_us - _SEEK_PREROLL_US * (recording.grid is not None)
        options |= {"seek_timestamp": 1, "ss": f"{seek_us}us", "noaccurate_seek": None}
    if anchor is not None and anchor.end_us is not None and from_s:
        filters.append(f"atrim=end={anchor.end_us - anchor.offset_us}us")
    if from_s:
        if recording.container == "ogg":
            filters += _times_in_sequence(from_us)
        filters += [*_times_from(from_s, from_us, recording.grid), "atrim=start_pts=0"]
    else:
        filters.append(f"asetpts=round(PTS-{from_us}/1000000/TB)")
    # Gaps become silence, so that later samples keep their place. Where the whole begins, what
    # time stamps are rounded to is no gap.
    gaps = f"async=1:first_pts=0:min_comp={0.001 if from_s else 0.02}"
    filters.append(f"aresample={SAMPLE_RATE}:{gaps}:{_MIX}")
    filters.append("aformat=sample_fmts=s16:channel_layouts=mono")
    skipped = start_sample - from_s * SAMPLE_RATE
    filters.append(f"atrim=start_sample={skipped}")
    if end_sample is not None:
        filters[-1] += f":end_sample={skipped + end_sample - start_sample}"
    stream = ffmpeg.input(url, **options)[str(recording.stream_index)]
    output = stream.output(
        "pipe:1", format="s16le", acodec="pcm_s16le", af=",".join(filters), threads=1
    )
    command: list[str] = output.global_args(
        "-nostdin", "-hide_banner", "-v", "warning", "-copyts"
    ).compile()
    return command


def _times_in_sequence(from_us: int) -> list[str]:
    """Filters that let each frame begin where the one before it ends, unless there is a gap.

    ffmpeg tells of Vorbis blocks of another length than the one before that they begin up to 10 ms
    late, never early. But the first pages of a view may be anywhere: they are left out.
    """
    begin = f"if(gt(N,0)*lte(abs(PTS-ld(0)),{_NO_GAP_S}*SR),min(PTS,ld(0)),PTS)"
    filters = [
        f"aselect=gte(t,{from_us}/1000000-{_SEQUENCE_RUN_UP_S})",
        f"asetpts=st(0,{begin}+NB_SAMPLES)-NB_SAMPLES",
    ]
    return [text.replace(",", r"\,") for text in filters]


def _times_from(from_s: int, from_us: int, grid: FrameGrid | None) -> list[str]:
    """Filters that count time in samples from second `from_s` of the timeline on.

    It lies at `from_us` in what is decoded.
    """
    if grid is None:
        return [f"asetpts=round(PTS-{from_us}/1000000/TB)"]
    first, step = grid.first_sample, grid.frame_samples
    origin = f"({from_us}/1000000-{from_s})"
    # Where a frame lies on the timeline: as it is told, and by the grid.
    told = f"(PTS-{origin}*{grid.rate_hz})"
    exact = f"({first}+round(({told}-{first})/{step})*{step})"
    place = f"if(lte(abs({told}-{exact}),{grid.tolerance_samples}),{exact},round({told}))"
    # Decoders treat the first frame of a view as the recording's, and may leave out some of it.
    whole = f"gt(n,0)+lt(t-{origin},{first / grid.rate_hz + 0.01:.6f})"
    filters = [f"aselect={whole}", f"asetpts={place}-{from_s * grid.rate_hz}"]
    return [text.replace(",", r"\,") for text in filters]


def _view_options(container: str) -> dict[str, object]:
    """Options for a view: it is read from its start, and nothing is looked for at its end."""
    if container.startswith("mov"):
        return {"fflags": "+ignidx"}  # or else every fragment would be looked at first
    if "," in container:
        return {"seekable": 0}
    return {"seekable": 0, "format": container}  # its beginning alone may not tell
