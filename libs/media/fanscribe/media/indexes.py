"""The indexes of a process: where in recordings decoding can begin, as far as it was seen."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final

from fanscribe.media.anchor import Anchor
from fanscribe.media.clusters import open_clusters
from fanscribe.media.flacframes import open_frames
from fanscribe.media.fragments import open_fragments
from fanscribe.media.frameindex import FRAME_CONTAINERS, FrameIndex
from fanscribe.media.joined import look_for_joins
from fanscribe.media.landmarks import JoinedError, LandmarkIndex, Layout
from fanscribe.media.oggpages import open_pages
from fanscribe.media.ranges import RangeReader
from fanscribe.media.recording import Recording, Strategy
from fanscribe.media.sequential import leads_nowhere
from fanscribe.media.transport import open_packets

_KEPT_INDEXES: Final = 64  # some 350 KB each for ten hours of mp3

_OPENERS: Final[dict[str, Callable[[RangeReader, Recording], Awaitable[Layout | None]]]] = {
    "mov": open_fragments,
    "matroska": open_clusters,
    "ogg": open_pages,
    "flac": open_frames,
    "mpegts": open_packets,
}


_Index = FrameIndex | LandmarkIndex | None


class Indexes:
    """Shared by all readings of a process; the longest unused go first."""

    def __init__(self) -> None:
        self._indexes: OrderedDict[object, tuple[Recording, _Index]] = OrderedDict()

    async def anchor(
        self, reader: RangeReader, recording: Recording, timestamp_us: int
    ) -> Anchor | None:
        """Find where to begin for a time stamp; None where ffmpeg finds it best by itself."""
        index = await self._of(reader, recording)
        return None if index is None else await index.anchor(reader, recording, timestamp_us)

    async def end_us(self, reader: RangeReader, recording: Recording) -> int | None:
        """Time stamp at which the recording ends, if head or tail tell; None: they do not."""
        index = await self._of(reader, recording)
        return None if index is None else await index.end_us(reader)

    async def strategy(self, reader: RangeReader, recording: Recording) -> Strategy:
        """Find out how to read a recording."""
        try:
            index = await self._of(reader, recording)
            if isinstance(index, LandmarkIndex):
                index.learn(await look_for_joins(reader, index.layout))
        except JoinedError:
            return Strategy.JOINED
        if isinstance(index, FrameIndex):
            is_sequential = not await index.opens(reader)
        else:
            is_sequential = await leads_nowhere(reader, recording)
        return Strategy.SEQUENTIAL if is_sequential else Strategy.SPANS

    async def frames(self, reader: RangeReader, recording: Recording) -> FrameIndex | None:
        """Return the index of a recording that is nothing but frames."""
        index = await self._of(reader, recording)
        return index if isinstance(index, FrameIndex) and await index.opens(reader) else None

    async def _of(self, reader: RangeReader, recording: Recording) -> _Index:
        # What is not pinned may be another recording next time, though not to the same caller.
        is_pinned = recording.source.is_pinned
        key = (recording.source, recording.stream_index) if is_pinned else id(recording)
        known = self._indexes.pop(key, None) or (recording, await _opened(reader, recording))
        self._indexes[key] = known
        if len(self._indexes) > _KEPT_INDEXES:
            self._indexes.popitem(last=False)
        return known[1]


async def _opened(reader: RangeReader, recording: Recording) -> _Index:
    if recording.container in FRAME_CONTAINERS:
        return FrameIndex(recording)
    opener = _OPENERS.get(recording.container.partition(",")[0])
    layout = await opener(reader, recording) if opener is not None else None
    return None if layout is None else LandmarkIndex(layout, recording)
