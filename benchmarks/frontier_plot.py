"""The frontier as a picture: cost to the right, errors upwards, a panel for each recording."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from benchmarks.frontier_points import Measured, Point

_DEFAULT: Final = Point()
_PANEL_INCHES: Final = (5.2, 4.4)


def plot(measured: Sequence[Measured], model: str, path: Path) -> None:
    """Draw to `path`, in the format that its name tells."""
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
        for name, marker, chosen in _series(of_recording):
            panel.plot(
                [3600 * one.cost for one in chosen],
                [100 * one.errors.rate for one in chosen],
                marker,
                label=name,
            )
            for one in chosen:
                panel.annotate(
                    _label(name, one.point),
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


def _series(measured: Sequence[Measured]) -> list[tuple[str, str, list[Measured]]]:
    """Lines to draw: name, style, and points in order, all but what changes at its default."""
    usual = (_DEFAULT.padding_ms, _DEFAULT.bucket_ms)
    lengths = [one for one in measured if (one.point.padding_ms, one.point.bucket_ms) == usual]
    guarded = [
        one for one in measured if one.point.guards and one.point.longest_s == _DEFAULT.longest_s
    ]
    series = [
        ("length in s, guards", "o-", [one for one in lengths if one.point.guards]),
        ("length in s, no guards", "s--", [one for one in lengths if not one.point.guards]),
        (
            "padding in s",
            "^:",
            [one for one in guarded if one.point.bucket_ms == _DEFAULT.bucket_ms],
        ),
        (
            "bucket in s",
            "v:",
            [one for one in guarded if one.point.padding_ms == _DEFAULT.padding_ms],
        ),
    ]
    return [one for one in series if one[2]]


def _label(series: str, point: Point) -> str:
    if series.startswith("padding"):
        return f"{point.padding_ms / 1000:g}"
    if series.startswith("bucket"):
        return f"{point.bucket_ms / 1000:g}"
    return str(point.longest_s)
