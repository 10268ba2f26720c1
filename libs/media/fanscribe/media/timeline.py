"""The one timeline of a recording: samples at 16 kHz, counted from its first audio sample."""

from dataclasses import dataclass
from typing import Final

SAMPLE_RATE: Final = 16_000
BYTES_PER_SAMPLE: Final = 2  # signed 16-bit, little-endian, mono


@dataclass(frozen=True, order=True)
class Span:
    """A stretch of the timeline: [start_sample, end_sample)."""

    start_sample: int
    end_sample: int

    def __post_init__(self) -> None:
        if not 0 <= self.start_sample <= self.end_sample:
            raise ValueError(f"not a span: [{self.start_sample}, {self.end_sample})")

    @property
    def samples(self) -> int:
        """Length in samples."""
        return self.end_sample - self.start_sample


def ms_of(samples: int) -> int:
    """Milliseconds before sample number `samples`, rounded down."""
    return samples * 1000 // SAMPLE_RATE


def us_of(samples: int) -> int:
    """Microseconds before sample number `samples`, rounded down."""
    return samples * 1_000_000 // SAMPLE_RATE


def samples_of_us(microseconds: int) -> int:
    """Samples in `microseconds`, rounded down."""
    return microseconds * SAMPLE_RATE // 1_000_000


def samples_of_s(seconds: float) -> int:
    """Samples in `seconds`, rounded to the nearest."""
    return round(seconds * SAMPLE_RATE)
