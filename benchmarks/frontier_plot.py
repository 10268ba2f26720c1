"""The frontier as a picture: cost to the right, errors upwards, a panel for each recording."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from benchmarks.frontier_points import Measured, Point

_PANEL_INCHES: Final = (5.2, 4.4)


@dataclass(frozen=True)
class _Line:
    """Points that are the usual one, but for the value of one field."""

    name: str
    style: str
    field: str
    # Labels tell the value in it.
    unit: int = 1
    guards: bool = True

    def value(self, point: Point) -> Any:
        return getattr(point, self.field)

    def has(self, point: Point, usual: Point) -> bool:
        there = replace(usual, guards=self.guards, **{self.field: self.value(point)})
        return point == there


_LINES: Final = (
    _Line("length in s, guards", "o-", "longest_s"),
    _Line("length in s, no guards", "s--", "longest_s", guards=False),
    _Line("padding in s", "^:", "padding_ms", unit=1000),
    _Line("bucket in s", "v:", "bucket_ms", unit=1000),
    _Line("hop in samples", "D:", "hop_samples"),
    _Line("sure from", "x:", "sure_logprob"),
)


def plot(measured: Sequence[Measured], usual: Point, model: str, path: Path) -> None:
    """Draw to `path`, in the format that its name tells; lines go through the `usual` point."""
    # Only this needs it, and it takes a second.
    from matplotlib.figure import Figure  # noqa: PLC0415

    recordings = list(dict.fromkeys(one.recording for one in measured))
    if not recordings:
        return
    width, height = _PANEL_INCHES
    figure = Figure(figsize=(width * len(recordings), height), layout="constrained")
    panels = figure.subplots(1, len(recordings), squeeze=False)[0]
    for panel, recording in zip(panels, recordings, strict=True):
        of_recording = [one for one in measured if one.recording == recording]
        for line in _LINES:
            chosen = [one for one in of_recording if line.has(one.point, usual)]
            panel.plot(
                [3600 * one.cost for one in chosen],
                [100 * one.errors.rate for one in chosen],
                line.style,
                label=line.name,
            )
            for one in chosen:
                panel.annotate(
                    f"{line.value(one.point) / line.unit:g}",
                    (3600 * one.cost, 100 * one.errors.rate),
                    xytext=(3, 3),
                    textcoords="offset points",
                    fontsize=7,
                )
        panel.set_title(recording)
        panel.set_xlabel("CPU seconds for an hour of audio")
        panel.set_ylabel("WER, %")
        panel.grid(alpha=0.3)
    panels[0].legend(fontsize=8)
    figure.suptitle(f"Whisper {model}")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
