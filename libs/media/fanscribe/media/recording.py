"""What is known of a recording once it has been probed."""

from dataclasses import dataclass
from enum import StrEnum

from fanscribe.media.framegrid import FrameGrid
from fanscribe.media.source import Source


class Strategy(StrEnum):
    """How a recording is read."""

    SPANS = "spans"  # in spans, by many at once: something leads to each
    SEQUENTIAL = "sequential"  # nothing does: by one decode from the first byte to the last
    JOINED = "joined"  # the same: it is several recordings, each of which counts its own time


@dataclass(frozen=True)
class Recording:
    """A recording one audio stream of which can be extracted."""

    source: Source
    container: str  # in ffmpeg's words: "mov,mp4,m4a,3gp,3g2,mj2"
    codec: str  # in ffmpeg's words: "aac"
    stream_index: int  # of the audio stream, among all streams
    start_time_us: int  # time stamp of the timeline's sample 0 in the container
    duration_samples: int  # as the container tells it; extraction to the end tells the truth
    duration_is_exact: bool = True  # otherwise it is an estimate, and only `extent` tells the end
    audio_stream: int = 0  # the same stream, counted among the audio streams alone
    grid: FrameGrid | None = None  # where time stamps are too coarse to tell where frames begin
    strategy: Strategy = Strategy.SPANS

    @property
    def is_sequential(self) -> bool:
        """Whether it is read as a whole or not at all."""
        return self.strategy is not Strategy.SPANS
