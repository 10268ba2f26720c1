"""How well audio put together from spans meets a full decode of the same recording."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fanscribe.media.timeline import SAMPLE_RATE

_WINDOW: Final = SAMPLE_RATE  # listened to at each place
_REACH: Final = SAMPLE_RATE // 2  # offsets up to half a second are found
_AUDIBLE: Final = 100.0  # root mean square of int16 samples
_LAST_BITS: Final = 2

Samples = NDArray[np.int16]


@dataclass(frozen=True)
class Comparison:
    """Spans, joined, against the truth."""

    lost_samples: int  # of the truth at its end; negative: there are too many
    offset_ms: float  # the largest at any place; positive: too late
    exact_share: float  # of samples that are the very same
    close_share: float  # of samples that differ by no more than their last bits
    places: int  # where offsets were measured


def compare(joined: Samples, truth: Samples, starts: Sequence[int]) -> Comparison:
    """Hold `joined` against `truth`; offsets are measured at and within all spans.

    `starts` are the first samples of the spans: the places where something may go wrong.
    """
    length = min(len(joined), len(truth))
    # In pieces: hours of 64-bit differences would fill the memory.
    exact = close = 0
    for at in range(0, length, 60 * SAMPLE_RATE):
        piece = slice(at, min(at + 60 * SAMPLE_RATE, length))
        apart = np.abs(joined[piece].astype(np.int32) - truth[piece])
        exact += int(np.count_nonzero(apart == 0))
        close += int(np.count_nonzero(apart <= _LAST_BITS))
    offsets = [
        offset
        for place in _places(starts, length)
        if (offset := offset_samples(joined, truth, place)) is not None
    ]
    largest = max(offsets, key=abs, default=0.0)
    return Comparison(
        lost_samples=len(truth) - len(joined),
        offset_ms=largest * 1000 / SAMPLE_RATE,
        exact_share=exact / max(1, length),
        close_share=close / max(1, length),
        places=len(offsets),
    )


def offset_samples(joined: Samples, truth: Samples, start: int) -> float | None:
    """By how many samples `joined` is late at `start`; None where it is too quiet to tell.

    By cross-correlation, between samples by the parabola through its peak.
    """
    heard = joined[start : start + _WINDOW].astype(np.float64)
    first = max(0, start - _REACH)
    around = truth[first : start + _WINDOW + _REACH].astype(np.float64)
    if len(heard) < _WINDOW // 4 or np.sqrt(np.mean(heard**2)) < _AUDIBLE:
        return None
    size = 1 << (len(around) + len(heard)).bit_length()
    product = np.fft.rfft(around, size) * np.conj(np.fft.rfft(heard, size))
    lags = np.fft.irfft(product, size)[: len(around) - len(heard) + 1]
    # Each lag against the loudness of what it is compared with.
    energy = np.concatenate([[0.0], np.cumsum(around**2)])
    loudness = np.sqrt(np.maximum(energy[len(heard) :] - energy[: -len(heard)], 1.0))
    likeness = lags / loudness
    best = int(np.argmax(likeness))
    between = 0.0
    if 0 < best < len(likeness) - 1:
        before, peak, after = likeness[best - 1 : best + 2]
        curve = before - 2 * peak + after
        between = 0.5 * (before - after) / curve if curve else 0.0
    return start - (first + best + between)


def _places(starts: Sequence[int], length: int) -> list[int]:
    """Every start and the seconds after it, and the middle and the end of every span."""
    ends = [*starts[1:], length]
    places: set[int] = set()
    for start, end in zip(starts, ends, strict=True):
        inside = (start, start + SAMPLE_RATE, start + 2 * SAMPLE_RATE, (start + end) // 2)
        places |= {at for at in (*inside, end - 2 * SAMPLE_RATE, end - SAMPLE_RATE) if at >= start}
    return sorted(place for place in places if place < length)
