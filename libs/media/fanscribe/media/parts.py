"""Whether the parts of a joined file are alike, seen as their bytes pass by.

Some containers tell in the head of each part how its audio is encoded, and ffmpeg believes the
first one: what is encoded otherwise would come out as noise, at another speed, or not at all.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Final, Protocol

from fanscribe.media.clusters import EBML_ID, audio_track
from fanscribe.media.flacframes import MARKER, audio_format
from fanscribe.media.limits import KIB
from fanscribe.media.mp4audio import MOVIE, audio_entry
from fanscribe.media.recording import Recording
from fanscribe.media.transport import ProgramMaps
from fanscribe.runtime.errors import FanscribeError, Reason

_HEAD_BYTES: Final = 256 * KIB  # a part tells of its audio within


class _Heads(Protocol):
    """Finds what tells of the audio in bytes that are fed in order."""

    def feed(self, data: bytes, *, is_last: bool) -> Iterator[object]:
        """Yield every description of the audio that `data` completes."""


class PartsCheck:
    """Is shown a joined file from its first byte to its last."""

    def __init__(self, recording: Recording) -> None:
        container, self._size_bytes = recording.container, recording.source.size_bytes
        self._heads: _Heads | None = None
        self._known: set[object] = set()
        self._position = 0
        self._learns_until_byte = 0  # beside the very first description
        if container == "flac":
            self._heads = _MarkedHeads(MARKER, audio_format)
        elif container.startswith("matroska"):
            track = partial(audio_track, stream_index=recording.stream_index)
            self._heads = _MarkedHeads(EBML_ID, track)
        elif container.startswith("mov"):
            entry = partial(audio_entry, stream_index=recording.stream_index)
            self._heads = _MarkedHeads(MOVIE, entry)
        elif container == "mpegts":
            self._heads = ProgramMaps()
            self._learns_until_byte = _HEAD_BYTES  # several programs may be told of in turn

    def see(self, data: bytes) -> None:
        """Take the next bytes; raises MEDIA_UNREADABLE if a part is not like the first."""
        self._position += len(data)
        if self._heads is None:
            return
        for found in self._heads.feed(data, is_last=self._position >= self._size_bytes):
            if not self._known or self._position <= self._learns_until_byte:
                self._known.add(found)
            elif found not in self._known:
                raise not_alike()


class _MarkedHeads:
    """Heads that begin with a marker."""

    def __init__(self, marker: bytes, read: Callable[[bytes], object | None]) -> None:
        """`read` returns what tells of the audio in the bytes from a marker on, or None."""
        self._marker = marker
        self._read = read
        self._data = b""

    def feed(self, data: bytes, *, is_last: bool) -> Iterator[object]:
        self._data += data
        while (at := self._data.find(self._marker)) >= 0:
            self._data = self._data[at:]
            if len(self._data) < _HEAD_BYTES and not is_last:
                return
            found = self._read(self._data[:_HEAD_BYTES])
            if found is not None:  # otherwise it was chance
                yield found
            self._data = self._data[len(self._marker) :]
        self._data = self._data[1 - len(self._marker) :]


def not_alike() -> FanscribeError:
    """Say that not all parts can be decoded by what the first one tells."""
    return FanscribeError(
        Reason.MEDIA_UNREADABLE,
        "the file is several recordings joined into one, not all of which can be decoded in one go:"
        " their encodings may differ; convert it, or transcribe them one by one",
    )
