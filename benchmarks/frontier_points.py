"""Ways to cut and pad windows, and what was measured of one."""

from dataclasses import dataclass
from itertools import product
from typing import Final

from benchmarks.engine import Knobs
from benchmarks.scoring import WordErrors
from fanscribe.orchestrator.settings import OrchestratorSettings

# What stays as it is while something else changes.
_USUAL: Final = Knobs()
_LONGEST_S: Final = OrchestratorSettings().micro_chunk_size_sec

LONGEST_S: Final = sorted({10, 12, 15, 18, 20, 24, 28, _LONGEST_S})
PADDING_MS: Final = sorted({500, 1_000, 2_000, 4_000, _USUAL.padding_ms})
BUCKET_MS: Final = sorted({1_000, 2_000, 5_000, 30_000, _USUAL.bucket_ms})


@dataclass(frozen=True)
class Point:
    """How windows are cut, padded and looked at; the defaults are the services'."""

    longest_s: int = _LONGEST_S
    padding_ms: int = _USUAL.padding_ms
    bucket_ms: int = _USUAL.bucket_ms
    guards: bool = True

    @property
    def knobs(self) -> Knobs:
        """What the engine is turned by."""
        return Knobs(padding_ms=self.padding_ms, bucket_ms=self.bucket_ms, guards=self.guards)


@dataclass(frozen=True)
class Measured:
    """What one point costs and gets wrong on one recording."""

    point: Point
    recording: str
    windows: int
    cost: float  # CPU seconds for each second of the recording
    errors: WordErrors


def points(*, whole_grid: bool) -> list[Point]:
    """List what to measure: one thing at a time changes, lengths with and without guards.

    The whole grid is every combination.
    """
    if whole_grid:
        return [
            Point(*values) for values in product(LONGEST_S, PADDING_MS, BUCKET_MS, (True, False))
        ]
    found = [Point(longest_s=length, guards=on) for on in (True, False) for length in LONGEST_S]
    found += [Point(padding_ms=padding) for padding in PADDING_MS]
    found += [Point(bucket_ms=bucket) for bucket in BUCKET_MS]
    return list(dict.fromkeys(found))
