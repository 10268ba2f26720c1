"""Bounds of a benchmark: what was measured, what it must be, whether it is."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from benchmarks.table import markdown


@dataclass(frozen=True)
class Check:
    """A figure, and its bound: at most that ("max"), at least that ("min"), more ("over")."""

    what: str
    measured: float
    bound: float
    kind: Literal["max", "min", "over"]

    @property
    def holds(self) -> bool:
        """Whether the bound is kept."""
        match self.kind:
            case "max":
                return self.measured <= self.bound
            case "min":
                return self.measured >= self.bound
            case "over":
                return self.measured > self.bound

    def to_json(self) -> dict[str, Any]:
        """Turn into what JSON can hold."""
        return {**asdict(self), "holds": self.holds}


def checks_table(checks: Sequence[Check]) -> str:
    """Render as a table in Markdown."""
    sides = {"max": "at most", "min": "at least", "over": "over"}
    return markdown(
        ("bound", "measured", "must be", ""),
        [
            (
                check.what,
                f"{check.measured:.4g}",
                f"{sides[check.kind]} {check.bound:.4g}",
                "holds" if check.holds else "FAILS",
            )
            for check in checks
        ],
    )
