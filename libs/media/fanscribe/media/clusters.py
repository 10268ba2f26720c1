"""Matroska and WebM: the clusters, each of which tells where on the timeline it begins."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from fanscribe.media.anchor import Anchor, Mark
from fanscribe.media.landmarks import JoinedError
from fanscribe.media.limits import MIB
from fanscribe.media.ranges import RangeReader
from fanscribe.media.recording import Recording

EBML_ID: Final = bytes.fromhex("1A45DFA3")
_SEGMENT: Final = 0x18538067
_SEEK_HEAD: Final = 0x114D9B74
_CUES: Final = 0x1C53BB6B
_INFO: Final = 0x1549A966
_TIMESTAMP_SCALE: Final = 0x2AD7B1
_TRACKS: Final = 0x1654AE6B
_TRACK_ENTRY: Final = 0xAE
_TRACK_NUMBER: Final = 0xD7
# What it takes to decode a track: its number, codec, codec's own header, rate and channels.
_OF_DECODING: Final = {_TRACK_NUMBER, 0x86, 0x63A2, 0xE1}
_CLUSTER: Final = 0x1F43B675
_TIMESTAMP: Final = 0xE7
_SIMPLE_BLOCK: Final = 0xA3
_BLOCK_GROUP: Final = 0xA0
_BLOCK: Final = 0xA1
# What clusters hold: Void, CRC-32, SilentTracks, Position, PrevSize and the above.
_IN_CLUSTERS: Final = {0xEC, 0xBF, 0x5854, 0xA7, 0xAB, _TIMESTAMP, _SIMPLE_BLOCK, _BLOCK_GROUP}

_TELLS_OF_CUES: Final = bytes.fromhex("53AB84") + _CUES.to_bytes(4, "big")  # in a SeekHead
_CLUSTER_ID: Final = _CLUSTER.to_bytes(4, "big")
_MOST_HEADER_BYTES: Final = 16 * MIB
_ELEMENT_HEAD_BYTES: Final = 12
_USUAL_SCALE_NS: Final = 1_000_000


@dataclass(frozen=True)
class Element:
    """An element in `data`: its content is data[start:end]; `end` None: of unknown size."""

    id: int
    start: int
    end: int | None


def element_at(data: bytes, at: int) -> Element | None:
    """Read the head of an element; None if there is none, or not all of it."""
    id_bytes = _vint_bytes(data, at)
    if not 0 < id_bytes <= 4:
        return None
    size_at = at + id_bytes
    size_bytes = _vint_bytes(data, size_at)
    start = size_at + size_bytes
    if not size_bytes or start > len(data):
        return None
    mask = (1 << 7 * size_bytes) - 1
    size = int.from_bytes(data[size_at:start], "big") & mask
    return Element(
        int.from_bytes(data[at:size_at], "big"), start, None if size == mask else start + size
    )


def elements(data: bytes, start: int, end: int) -> Iterator[Element]:
    """Yield the elements from data[start] on, as far as their heads lie before `end`."""
    while start < end and (element := element_at(data, start)) is not None:
        yield element
        if element.end is None:
            return
        start = element.end


def _vint_bytes(data: bytes, at: int) -> int:
    """Length of the number at data[at]; 0 if there is none."""
    return 9 - data[at].bit_length() if at < len(data) and data[at] else 0


class ClusterLayout:
    """A `landmarks.Layout`."""

    preroll_us = 300_000  # audio may stand before or behind the pictures of its time

    def __init__(
        self, header_bytes: int, track: int, scale_ns: int, *, has_index: bool, has_end: bool
    ) -> None:
        """`has_end`: the file tells where it ends."""
        self.header_bytes = header_bytes
        self.can_be_joined = not has_end
        self._track = track
        self._scale_ns = scale_ns
        self.has_index = has_index

    def marks(self, data: bytes, offset: int) -> list[Mark]:
        """Return the clusters."""
        return [Mark(offset + at, self._us(time)) for at, time, _ in _clusters(data)]

    def end_us(self, data: bytes, offset: int) -> int | None:  # noqa: ARG002  `data` is enough
        """Return the end of the audio's last block, held for as long as the one before it."""
        times: list[int] = []
        for _, time, at in _clusters(data):
            times += [time + block for block in self._block_times(data, at)]
        if len(times) < 2:
            return None
        before, last = sorted(set(times))[-2:] if len(set(times)) > 1 else (times[0], times[0])
        return self._us(2 * last - before)

    def anchor(self, start_byte: int) -> Anchor:
        """Return the view: nothing in it counts from the file's start."""
        return Anchor(start_byte, self.header_bytes)

    def _us(self, time: int) -> int:
        return time * self._scale_ns // 1000

    def _block_times(self, data: bytes, at: int) -> Iterator[int]:
        """Yield the times of the audio's blocks in a cluster, counted from the cluster's."""
        for element in elements(data, at, len(data)):
            if element.id not in _IN_CLUSTERS:
                return
            blocks = [element] if element.id == _SIMPLE_BLOCK else []
            if element.id == _BLOCK_GROUP and element.end is not None:
                group = elements(data, element.start, min(element.end, len(data)))
                blocks = [child for child in group if child.id == _BLOCK]
            for block in blocks:
                track_bytes = _vint_bytes(data, block.start)
                time_at = block.start + track_bytes
                if track_bytes and time_at + 2 <= len(data):
                    mask = (1 << 7 * track_bytes) - 1
                    if int.from_bytes(data[block.start : time_at], "big") & mask == self._track:
                        yield int.from_bytes(data[time_at : time_at + 2], "big", signed=True)


def _clusters(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield each cluster's position, its time, and the position behind that."""
    at = data.find(_CLUSTER_ID)
    while at >= 0:
        cluster = element_at(data, at)
        children = [] if cluster is None else elements(data, cluster.start, len(data))
        for child in children:
            if child.id == _TIMESTAMP and child.end is not None and child.end - child.start <= 8:
                after = element_at(data, child.end)
                if after is not None and after.id in _IN_CLUSTERS:
                    yield at, int.from_bytes(data[child.start : child.end], "big"), child.end
            if child.id not in {0xEC, 0xBF, 0xA7, 0xAB}:
                break
        at = data.find(_CLUSTER_ID, at + 4)


async def _check_for_another(reader: RangeReader, position: int, segment: Element) -> None:
    """Raise JoinedError if another file begins where the segment at `position` ends."""
    if segment.end is not None:
        end = position + segment.end
        if await reader.read_all(end, end + len(EBML_ID)) == EBML_ID:
            raise JoinedError


async def open_clusters(reader: RangeReader, recording: Recording) -> ClusterLayout | None:
    """Read the head of a Matroska file; None if it is not laid out in a way understood here.

    Raises JoinedError if it is several recordings, one after the other.
    """
    scale_ns, tracks, has_cues, has_end = _USUAL_SCALE_NS, b"", False, False
    position = 0
    while position < min(_MOST_HEADER_BYTES, reader.source.size_bytes):
        head = await reader.read_all(position, position + _ELEMENT_HEAD_BYTES)
        element = element_at(head, 0)
        if element is None:
            return None
        if element.id == _CLUSTER:
            track = _track_number(tracks, recording.stream_index)
            if track is None:
                return None
            return ClusterLayout(position, track, scale_ns, has_index=has_cues, has_end=has_end)
        if element.id == _SEGMENT:
            has_end = element.end is not None
            await _check_for_another(reader, position, element)
            position += element.start
            continue
        if element.end is None:
            return None
        has_cues = has_cues or element.id == _CUES
        if element.id in {_SEEK_HEAD, _INFO, _TRACKS}:
            end = min(element.end, _MOST_HEADER_BYTES)
            content = await reader.read_all(position + element.start, position + end)
            if element.id == _SEEK_HEAD:
                has_cues = has_cues or _TELLS_OF_CUES in content
            elif element.id == _TRACKS:
                tracks = content
            else:
                scale_ns = _scale_ns(content)
        position += element.end
    return None


def audio_track(data: bytes, stream_index: int) -> bytes | None:
    """Return what a file that begins at data[0] tells of how to decode a stream.

    None if it is no Matroska file, or tells that only behind the end of `data`.
    """
    for element in elements(data, 0, len(data)):
        if element.id == _SEGMENT:
            for child in elements(data, element.start, len(data)):
                if child.id == _TRACKS and child.end is not None and child.end <= len(data):
                    return _decoding(data[child.start : child.end], stream_index)
    return None


def _decoding(tracks: bytes, stream_index: int) -> bytes | None:
    entries = [entry for entry in elements(tracks, 0, len(tracks)) if entry.id == _TRACK_ENTRY]
    if stream_index >= len(entries):
        return b""
    entry = entries[stream_index]
    told = [
        tracks[element.start : element.end]
        for element in elements(tracks, entry.start, entry.end or len(tracks))
        if element.id in _OF_DECODING
    ]
    return b"".join(told)


def _scale_ns(info: bytes) -> int:
    for element in elements(info, 0, len(info)):
        if element.id == _TIMESTAMP_SCALE and element.end is not None:
            return int.from_bytes(info[element.start : element.end], "big") or _USUAL_SCALE_NS
    return _USUAL_SCALE_NS


def _track_number(tracks: bytes, stream_index: int) -> int | None:
    """Number, in blocks, of the stream that ffmpeg calls `stream_index`."""
    entries = [entry for entry in elements(tracks, 0, len(tracks)) if entry.id == _TRACK_ENTRY]
    if stream_index >= len(entries):
        return None
    entry = entries[stream_index]
    for element in elements(tracks, entry.start, entry.end or len(tracks)):
        if element.id == _TRACK_NUMBER and element.end is not None:
            return int.from_bytes(tracks[element.start : element.end], "big")
    return None
