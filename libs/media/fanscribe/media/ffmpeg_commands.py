"""What ffmpeg is told."""

import ffmpeg

from fanscribe.media.anchor import Anchor
from fanscribe.media.framegrid import FrameGrid
from fanscribe.media.limits import KIB
from fanscribe.media.recording import Recording
from fanscribe.media.timeline import SAMPLE_RATE

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
    "recv_buffer_size": 8 * KIB,
}
_IN_SEQUENCE = {"seekable": 0}
_PROBED_PACKETS = 20
_SEEK_PREROLL_US = 300_000  # where the first frame is left out
_NO_GAP_S = 0.02
_SEQUENCE_RUN_UP_S = 0.5

# To mono: two channels count half each, which never clips. Of more, the centre is where people
# speak; ffmpeg's own weights would make it a murmur.
_MIX = "center_mix_level=1.8:surround_mix_level=0.5"


def probe_arguments(url: str, streams: str) -> list[str]:
    """Command that describes the container, some streams ("a": all audio) and first frames."""
    entries = (
        "format=format_name,probe_score,nb_streams,start_time,duration"
        ":stream=index,codec_name,sample_rate,time_base,start_time,duration,channels"
        ":stream_tags=language:stream_disposition=default"
        ":frame=pts_time,nb_samples,pkt_pos,pkt_size,pkt_duration_time"
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
    if recording.is_sequential:
        options |= _IN_SEQUENCE
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
    return _decode(url, recording.stream_index, options, filters)


def joined_arguments(url: str, recording: Recording) -> list[str]:
    """Command that writes all parts of a joined file, one after the other, as samples.

    Time stamps mean nothing: each part has its own.
    """
    filters = ["asetpts=N", f"aresample={SAMPLE_RATE}:{_MIX}"]
    filters.append("aformat=sample_fmts=s16:channel_layouts=mono")
    options: dict[str, object] = {**_INPUT, "threads": 1, **_IN_SEQUENCE}
    if recording.container.startswith("mov"):
        # Its demuxer wants fragments left out that go back in time; then what comes before time 0,
        # the encoder's delay, has to be left out here.
        options |= {**_view_options(recording.container), "flags2": "+skip_manual"}
        filters.insert(0, r"aselect=gte(t\,0)")
    return _decode(url, recording.stream_index, options, filters)


def _decode(
    url: str, stream_index: int, options: dict[str, object], filters: list[str]
) -> list[str]:
    stream = ffmpeg.input(url, **options)[str(stream_index)]
    output = stream.output(
        "pipe:1",
        format="s16le",
        acodec="pcm_s16le",
        af=",".join(filters),
        threads=1,
        # Where filters begin anew, their time does too.
        **{"bsf:a": "setts=ts=N"},
    )
    # Each message as often as it is meant: they are counted.
    command: list[str] = output.global_args(
        "-nostdin", "-hide_banner", "-v", "repeat+warning", "-copyts"
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
