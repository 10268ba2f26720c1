"""Runs of several peers as one table, and as JSON."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median, median_low
from typing import Any

from benchmarks.measuring import Run
from benchmarks.scoring import WordErrors

_MIB = 1024 * 1024
_HEADINGS = ("", "runs", "wall s", "RTFx", "range", "ratio", "WER", "S", "D", "I", "peak MiB")


@dataclass(frozen=True)
class Summary:
    """All runs of one peer: medians."""

    peer: str
    runs: int
    wall_s: float
    rtfx: float
    rtfx_range: tuple[float, float]
    ratio: float  # of RTFx to that of the peer compared to
    errors: WordErrors  # of the run with the median word error rate (the lower one of two)
    error_rate: float
    peak_pss_bytes: float


def summaries(runs: Sequence[Run], compared_to: str) -> list[Summary]:
    """Sum the runs up, peer by peer in order of their first runs.

    The peer `compared_to` has a ratio of 1, and must be among them.
    """
    by_peer: dict[str, list[Run]] = {}
    for run in runs:
        by_peer.setdefault(run.peer, []).append(run)
    one_rtfx = median(run.rtfx for run in by_peer[compared_to])
    return [_summary(peer, its_runs, one_rtfx) for peer, its_runs in by_peer.items()]


def table(rows: Sequence[Summary]) -> str:
    """Render as a table in Markdown, aligned."""
    return markdown(_HEADINGS, [_cells(row) for row in rows])


def markdown(headings: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """Render a table in Markdown: the first column to the left, the others to the right."""
    cells = [headings, *rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
        "| " + " | ".join([first.ljust(widths[0]), *map(str.rjust, rest, widths[1:])]) + " |"
        for first, *rest in cells
    ]
    ruler = "|" + "|".join("-" * (width + 1) + "-:"[i > 0] for i, width in enumerate(widths)) + "|"
    return "\n".join([lines[0], ruler, *lines[1:]])


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write `content` to `path`, making its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def as_json(items: Sequence[Run] | Sequence[Summary]) -> list[dict[str, Any]]:
    """Turn runs or summaries into what JSON can hold."""
    return [asdict(item) for item in items]


def _summary(peer: str, runs: Sequence[Run], one_rtfx: float) -> Summary:
    speeds = [run.rtfx for run in runs]
    rate = median_low(run.errors.rate for run in runs)
    return Summary(
        peer=peer,
        runs=len(runs),
        wall_s=median(run.wall_s for run in runs),
        rtfx=median(speeds),
        rtfx_range=(min(speeds), max(speeds)),
        ratio=median(speeds) / one_rtfx,
        errors=next(run.errors for run in runs if run.errors.rate == rate),
        error_rate=rate,
        peak_pss_bytes=median(run.peak_pss_bytes for run in runs),
    )


def _cells(row: Summary) -> tuple[str, ...]:
    return (
        row.peer,
        str(row.runs),
        f"{row.wall_s:.1f}",
        f"{row.rtfx:.1f}",
        "{:.1f}-{:.1f}".format(*row.rtfx_range),
        f"{row.ratio:.2f}",
        f"{row.error_rate:.2%}",
        str(row.errors.substitutions),
        str(row.errors.deletions),
        str(row.errors.insertions),
        f"{row.peak_pss_bytes / _MIB:.0f}",
    )
