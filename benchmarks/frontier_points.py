"""Ways to cut and pad windows, and what was measured of one."""

from dataclasses import dataclass, replace
from itertools import product
from typing import Final

from benchmarks.engine import Knobs
from benchmarks.scoring import WordErrors
from fanscribe.inference.hearing import Hearing
from fanscribe.orchestrator.settings import OrchestratorSettings

# What stays as it is while something else changes.
_USUAL: Final = Knobs()
_LONGEST_S: Final = OrchestratorSettings().micro_chunk_size_sec

LONGEST_S: Final = sorted({10, 12, 15, 18, 20, 24, 28, _LONGEST_S})
PADDING_MS: Final = sorted({500, 1_000, 2_000, 4_000, _USUAL.padding_ms})
BUCKET_MS: Final = sorted({1_000, 2_000, 5_000, 30_000, _USUAL.bucket_ms})
HOP_SAMPLES: Final = (160, 162, 164, 166, 168, 170, 172, 176)
SURE_LOGPROB: Final = (-0.3, -0.4, -0.5, -0.6)


@dataclass(frozen=True)
class Point:
    """How windows are cut, padded and looked at.

    The defaults are the services', but for the last two, which differ between weights.
    """

    longest_s: int = _LONGEST_S
    padding_ms: int = _USUAL.padding_ms
    bucket_ms: int = _USUAL.bucket_ms
    guards: bool = True
    hop_samples: int = Hearing.hop_samples
    sure_logprob: float = Hearing.sure_logprob

    @property
    def knobs(self) -> Knobs:
        """What the engine is turned by."""
        return Knobs(
            padding_ms=self.padding_ms,
            bucket_ms=self.bucket_ms,
            guards=self.guards,
            hearing=Hearing(sure_logprob=self.sure_logprob, hop_samples=self.hop_samples),
        )


@dataclass(frozen=True)
class Measured:
    """What one point costs and gets wrong on one recording."""

    point: Point
    recording: str
    windows: int
    cost: float  # CPU seconds for each second of the recording
    errors: WordErrors


def points(usual: Point, *, whole_grid: bool) -> list[Point]:
    """List what to measure: one thing at a time changes, lengths with and without guards.

    The whole grid is every combination of lengths, paddings and guards.
    """
    if whole_grid:
        return [
            replace(usual, longest_s=longest, padding_ms=padding, bucket_ms=bucket, guards=on)
            for longest, padding, bucket, on in product(
                LONGEST_S, PADDING_MS, BUCKET_MS, (True, False)
            )
        ]
    found = [
        replace(usual, longest_s=length, guards=on) for on in (True, False) for length in LONGEST_S
    ]
    found += [replace(usual, padding_ms=padding) for padding in PADDING_MS]
    found += [replace(usual, bucket_ms=bucket) for bucket in BUCKET_MS]
    found += [replace(usual, hop_samples=hop) for hop in HOP_SAMPLES]
    found += [replace(usual, sure_logprob=sure) for sure in SURE_LOGPROB]
    return list(dict.fromkeys(found))
