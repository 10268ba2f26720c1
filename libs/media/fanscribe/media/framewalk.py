"""Going from frame to frame of mp3 and ADTS by their headers, across damage."""

from array import array
from bisect import bisect_right
from typing import Final

from fanscribe.media.frames import HEADER_BYTES, FrameFormat, id3_bytes, next_frame
from fanscribe.media.limits import KIB

_STRIDE: Final = 32  # the offset of one frame in so many is kept
# Enough to see whether frames agree.
_DAMAGE_LOOK_BYTES: Final = 36 * KIB


class FrameWalk:
    """Where frames are, as far as their headers were looked at."""

    def __init__(self, frame_format: FrameFormat, first_offset: int) -> None:
        self.frames = 0  # looked at so far
        self.position = first_offset  # of the next frame's header
        self._format = frame_format
        # Number and offset of a frame now and then.
        self._numbers = array("Q")
        self._offsets = array("Q")
        self._damaged_from: int | None = None  # no frame was found since

    def at_or_before(self, frame: int) -> tuple[int, int]:
        """Return number and offset of the last frame up to `frame` whose offset is kept."""
        known = bisect_right(self._numbers, frame) - 1
        return self._numbers[known], self._offsets[known]

    def go(self, data: bytes, base: int, *, is_last: bool) -> None:
        """Go from frame to frame in `data`, which lies at `base`, as far as it goes."""
        length = self._format.length
        while (at := self.position - base) + HEADER_BYTES <= len(data):
            frame_bytes = length(data, at)
            if not frame_bytes and (tag_bytes := id3_bytes(data[at : at + 10])):
                self.position += tag_bytes  # recordings were joined
                continue
            if not frame_bytes:
                # Damage: go on where frames do, as decoders do.
                if self._damaged_from is None:
                    self._damaged_from = self.position
                judged = len(data) if is_last else len(data) - _DAMAGE_LOOK_BYTES
                if judged <= at + 1:
                    return
                self.position = base + next_frame(self._format, data, at + 1, judged)
                continue
            if self._damaged_from is not None:
                self._count_lost(self._damaged_from)
                self._damaged_from = None
            if not self._numbers or self.frames - self._numbers[-1] >= _STRIDE:
                self._numbers.append(self.frames)
                self._offsets.append(self.position)
            self.frames += 1
            self.position += frame_bytes

    def _count_lost(self, damaged_from: int) -> None:
        """Count the frames that damage has overwritten: what follows keeps its place in time."""
        # As long as those before it: bit rates vary.
        last = max(0, len(self._numbers) - 2)
        known_bytes = damaged_from - (self._offsets[last] if self._offsets else 0)
        mean = known_bytes / max(1, self.frames - (self._numbers[last] if self._numbers else 0))
        self.frames += round((self.position - damaged_from) / max(mean, HEADER_BYTES))
