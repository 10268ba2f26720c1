"""What a recording is: container, codec, timeline."""

import json
import statistics
from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Any

from fanscribe.media.ffmpeg import DURATION_ESTIMATED, running
from fanscribe.media.ffmpeg_commands import probe_arguments, scan_arguments
from fanscribe.media.framegrid import DecodedFrame, frame_grid
from fanscribe.media.gateway import Reading
from fanscribe.media.indexes import Indexes
from fanscribe.media.limits import KIB
from fanscribe.media.recording import Recording, Strategy
from fanscribe.media.streams import AudioStream, StreamChoice, chosen
from fanscribe.media.timeline import samples_of_s
from fanscribe.runtime.errors import FanscribeError, Reason

__all__ = ["Recording", "describe"]

_HEAD_BYTES = 1024
# ffprobe takes almost anything for something; below this it is guessing.
_MIN_PROBE_SCORE = 20
# What mp3 tells counts the encoder's padding too; what fragmented mp4 tells may be anything.
# FLAC tells what was meant to follow when its writing began.
_BELIEVED_LESS_THAN_INDEXES = ("mp3", "aac", "mov", "flac")
# A picture's first frame may come this much before the first sound for no reason.
_LATE_S = 0.1
_MAX_DESCRIPTION_BYTES = 4096 * KIB


async def describe(reading: Reading, indexes: Indexes, choice: StreamChoice) -> Recording:
    """Find out what the recording behind `reading` is. Raises FanscribeError."""
    await _refuse_text(reading)
    description = await _description(reading, "a")
    container: dict[str, Any] = description.get("format", {})
    if int(container.get("probe_score", 0)) < _MIN_PROBE_SCORE:
        raise _unreadable("is not in a media format that fanscribe reads")
    if not description.get("streams"):
        if container.get("nb_streams"):
            raise FanscribeError(Reason.MEDIA_NO_AUDIO, "the recording has no audio stream")
        raise _unreadable("holds no audio")
    streams = [AudioStream.of(*found) for found in enumerate(description["streams"])]
    meant = chosen(streams, choice)
    if len(streams) > 1:
        description = await _description(reading, str(meant.index))
    stream: dict[str, Any] = description["streams"][0]
    frames = [_frame(frame) for frame in description.get("frames", [])]
    rate_hz = int(stream.get("sample_rate", 0))
    first_s = _first_s(frames, rate_hz)
    if first_s is None:
        raise _unreadable("has audio that fanscribe cannot decode")
    start_s = _timeline_start_s(container, first_s)
    recording = Recording(
        source=reading.reader.source,
        container=container["format_name"],
        codec=stream["codec_name"],
        stream_index=meant.index,
        audio_stream=meant.position,
        start_time_us=round(start_s * 1_000_000),
        duration_samples=0,
        grid=frame_grid(frames, rate_hz, _tick_s(stream), start_s, is_late=start_s != first_s),
    )
    recording = replace(recording, strategy=await indexes.strategy(reading.reader, recording))
    if recording.strategy is Strategy.JOINED:
        # What the container tells is about one part; each counts its own time.
        guess_s = _estimated_s(description["frames"], recording.source.size_bytes)
        samples = max(1, samples_of_s(guess_s))
        return replace(
            recording, start_time_us=0, grid=None, duration_samples=samples, duration_is_exact=False
        )
    duration_s = await _exact_s(reading, indexes, recording, description)
    is_exact = duration_s is not None
    if duration_s is None:
        told_s = _told_s(container, stream, recording.start_time_us / 1_000_000)
        size_bytes = recording.source.size_bytes
        duration_s = told_s or _estimated_s(description["frames"], size_bytes)
    if duration_s <= 0:
        raise _unreadable("holds no audio")
    return replace(recording, duration_samples=samples_of_s(duration_s), duration_is_exact=is_exact)


async def _exact_s(
    reading: Reading, indexes: Indexes, recording: Recording, description: dict[str, Any]
) -> float | None:
    """Return the duration if the container or its tail tells it."""
    container, stream = description["format"], description["streams"][0]
    start_s = recording.start_time_us / 1_000_000
    told_s = _told_s(container, stream, start_s)
    duration_s = None if description["estimated"] else told_s
    # Matroska tells how long it is as a whole, and its picture may go on after its audio.
    is_joint = recording.container.startswith("matroska") and container["nb_streams"] > 1
    is_doubted = recording.container.startswith(_BELIEVED_LESS_THAN_INDEXES) or is_joint
    if duration_s is None or is_doubted:
        end_us = await indexes.end_us(reading.reader, recording)
        if end_us is not None:
            found_s = end_us / 1_000_000 - start_s
            # Where FLAC ends before what it tells, the rest was lost: that is to be noticed.
            duration_s = max(found_s, told_s or 0.0) if recording.container == "flac" else found_s
    return duration_s


async def _refuse_text(reading: Reading) -> None:
    """Raise MEDIA_UNREADABLE for web pages, playlists and other text, which ffprobe may accept."""
    source = reading.reader.source
    head = b"".join(
        [piece async for piece in reading.reader.read(0, min(_HEAD_BYTES, source.size_bytes))]
    )
    text = head.decode("utf-8", errors="ignore")
    printable = all(character >= " " or character in "\t\r\n\f" for character in text)
    # A character cut in two at the end is at most three bytes.
    if printable and len(text.encode()) >= len(head) - 3:
        raise _unreadable("is text, such as a web page or a playlist, not media")


async def _description(reading: Reading, streams: str) -> dict[str, Any]:
    """Run ffprobe; "estimated" tells whether the duration is a guess from size and bit rate."""
    async with running(probe_arguments(reading.url, streams), reading.limits) as process:
        data = bytearray()
        while piece := await process.stdout.read(64 * KIB):
            data += piece
            if len(data) > _MAX_DESCRIPTION_BYTES:
                raise _unreadable("has more streams, or longer tags, than fanscribe reads")
        reading.check()
        await process.check_bounds()
        estimated = any(DURATION_ESTIMATED in message for message in process.messages)
    try:
        description: dict[str, Any] = json.loads(data or b"{}")
    except ValueError as error:
        # On damage that it notices late, ffprobe stops in the middle of what it writes.
        raise _unreadable(
            "is damaged, or in a media format that fanscribe does not read"
        ) from error
    return {**description, "estimated": estimated}


def _frame(frame: dict[str, Any]) -> DecodedFrame:
    time_s = float(frame["pts_time"]) if "pts_time" in frame else None
    return DecodedFrame(time_s, int(frame.get("nb_samples", 0)))


def _tick_s(stream: dict[str, Any]) -> float:
    """Return the unit of the stream's time stamps."""
    counter, _, denominator = str(stream.get("time_base", "0/1")).partition("/")
    return int(counter) / int(denominator or 1)


def _first_s(frames: list[DecodedFrame], rate_hz: int) -> float | None:
    """Return the time stamp of the first sample that decodes; None if none does.

    The stream's own start_time counts what the decoder drops (encoder delay). Containers that round
    time stamps (Matroska: to 1 ms) are met by taking the middle of what many frames say.
    """
    starts_s, samples = [], 0
    for frame in frames:
        if frame.time_s is not None:
            starts_s.append(frame.time_s - samples / rate_hz)
        samples += frame.samples
    return statistics.median(starts_s) if starts_s else None


def _timeline_start_s(container: dict[str, Any], start_s: float) -> float:
    """Return the time stamp at which the timeline begins: `start_s` is that of the first audio.

    Audio that starts after the picture has silence before it, or else text would lie too early.
    """
    container_start_s = float(container.get("start_time", start_s))
    is_late = container["nb_streams"] > 1 and start_s - container_start_s > _LATE_S
    return container_start_s if is_late else start_s


def _told_s(container: dict[str, Any], stream: dict[str, Any], start_s: float) -> float | None:
    """Return the audio's duration if the container tells it."""
    if "duration" in stream:
        return float(stream["duration"]) + max(0.0, float(stream.get("start_time", 0)) - start_s)
    if "duration" not in container:
        return None
    duration_s = float(container["duration"])
    # Matroska tells the time at which it ends, other containers how long they are.
    if container["format_name"].startswith("matroska"):
        return duration_s - start_s
    return duration_s - max(0.0, start_s - float(container.get("start_time", start_s)))


def _estimated_s(frames: list[dict[str, Any]], size_bytes: int) -> float:
    """Guess the duration: as if the whole recording were like its first frames."""
    frame_bytes = sum(int(frame.get("pkt_size", 0)) for frame in frames)
    # Pictures may lie between them.
    positions = [int(frame.get("pkt_pos", 0)) for frame in frames]
    reach_bytes = max(positions) - min(positions)
    duration_s = sum(float(frame.get("pkt_duration_time", 0)) for frame in frames)
    return duration_s * size_bytes / max(1, frame_bytes, reach_bytes)


async def packet_ends_us(reading: Reading, recording: Recording) -> AsyncGenerator[int, None]:
    """Yield the time stamp at which each packet of the audio ends: one pass over the bytes."""
    end_s = recording.start_time_us / 1_000_000
    arguments = scan_arguments(reading.url, recording.stream_index)
    async with running(arguments, reading.limits) as process:
        while line := await process.stdout.readline():
            pts, _, duration = line.decode().strip().partition(",")
            try:
                end_s = max(end_s, float(pts) + float(duration.strip(",")))
            except ValueError:
                continue  # "N/A": a packet without a time stamp tells nothing
            yield round(end_s * 1_000_000)
        reading.check()
        await process.check_bounds()


def _unreadable(problem: str) -> FanscribeError:
    return FanscribeError(Reason.MEDIA_UNREADABLE, f"the file at the media URL {problem}")
