"""What fanscribe must reach beside each peer, and whether it did."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.peers import BARE, BATCHED, FANSCRIBE, SEQUENTIAL, WHISPERX
from benchmarks.table import Summary, markdown

_HEADINGS: Final = ("fanscribe against", "ratio", "at least", "WER, points", "at most", "")


@dataclass(frozen=True)
class Bound:
    """What is promised beside one peer."""

    peer: str
    ratio: float  # of fanscribe's RTFx to the peer's, at least
    points: float  # of fanscribe's word error rate minus the peer's, in percent, at most


BOUNDS: Final = (
    Bound(BATCHED, ratio=1.6, points=-5.0),
    Bound(WHISPERX, ratio=2.5, points=0.0),
    Bound(SEQUENTIAL, ratio=5.0, points=-0.01),  # below it
    # The text is that of the same windows and weights: it differs only where batches do.
    Bound(BARE, ratio=0.9, points=0.3),
)


@dataclass(frozen=True)
class Verdict:
    """A bound, and what was measured."""

    bound: Bound
    ratio: float
    points: float

    @property
    def fast_enough(self) -> bool:
        """Whether the speed is as promised."""
        return self.ratio >= self.bound.ratio

    @property
    def right_enough(self) -> bool:
        """Whether the word error rate is as promised."""
        return self.points <= self.bound.points

    @property
    def holds(self) -> bool:
        """Whether all of it is."""
        return self.fast_enough and self.right_enough


def verdicts(rows: Sequence[Summary]) -> list[Verdict]:
    """Hold fanscribe's summary against those of the peers that ran."""
    by_peer = {row.peer: row for row in rows}
    ours = by_peer[FANSCRIBE]
    return [
        Verdict(
            bound,
            ratio=ours.rtfx / theirs.rtfx,
            points=100 * (ours.error_rate - theirs.error_rate),
        )
        for bound in BOUNDS
        if (theirs := by_peer.get(bound.peer)) is not None
    ]


def verdict_table(found: Sequence[Verdict]) -> str:
    """Render as a table in Markdown."""
    return markdown(_HEADINGS, [_cells(verdict) for verdict in found])


def _cells(verdict: Verdict) -> tuple[str, ...]:
    failed = {"too slow": verdict.fast_enough, "too many errors": verdict.right_enough}
    return (
        verdict.bound.peer,
        f"{verdict.ratio:.2f}",
        f"{verdict.bound.ratio:.1f}",
        f"{verdict.points:+.2f}",
        f"{verdict.bound.points:+.2f}",
        ", ".join(what for what, well in failed.items() if not well) or "holds",
    )
