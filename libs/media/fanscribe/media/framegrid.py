"""Audio in frames of one length: where each of them lies, though the container rounds its times.

Matroska, ASF and others tell times in milliseconds. A frame that is told to begin 0.4 ms beside the
place where a whole number of frames has passed begins there.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_ROUNDED_S: Final = 0.0015  # a time stamp and that of the beginning may be off by this, together
_SHORTEST_FRAMES: Final = 4.0  # in times of that: shorter ones could be taken for one another


@dataclass(frozen=True)
class DecodedFrame:
    """What a decoder tells of a frame."""

    time_s: float | None  # time stamp in the container
    samples: int


@dataclass(frozen=True)
class FrameGrid:
    """Frames begin at `first_sample` of the timeline, and `frame_samples` on, and so on."""

    rate_hz: int  # in samples of which all is counted: the audio's own
    frame_samples: int
    first_sample: int

    @property
    def tolerance_samples(self) -> int:
        """A frame that is told to begin this close to a place of the grid begins there."""
        return int(_ROUNDED_S * self.rate_hz)


def frame_grid(
    frames: Sequence[DecodedFrame], rate_hz: int, tick_s: float, start_s: float, *, is_late: bool
) -> FrameGrid | None:
    """Find the grid of the first frames of a recording; None if there is none, or no need of one.

    Times are told in units of `tick_s`; `start_s` is the time stamp of the timeline's sample 0,
    which is the audio's first one unless it `is_late`.
    """
    if tick_s * rate_hz < 1.01 or not frames or frames[0].time_s is None:
        return None
    late_samples = round((frames[0].time_s - start_s) * rate_hz) if is_late else 0
    frame_samples = Counter(frame.samples for frame in frames).most_common(1)[0][0]
    if frame_samples < _SHORTEST_FRAMES * _ROUNDED_S * rate_hz:
        return None
    lengths = [frame.samples for frame in frames]
    first = lengths.index(frame_samples)
    if any(length != frame_samples for length in lengths[first:]):
        return None
    position = late_samples
    for frame in frames:
        told_s = frame.time_s
        if told_s is not None and abs(told_s - start_s - position / rate_hz) > _ROUNDED_S:
            return None
        position += frame.samples
    return FrameGrid(rate_hz, frame_samples, late_samples + sum(lengths[:first]))
