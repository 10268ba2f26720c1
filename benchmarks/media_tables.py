"""The readings of recordings as tables."""

from typing import Final

from benchmarks.media_readings import MACRO_S, REACH_S, SHARE_BOUND, LongRow, SpansRow
from benchmarks.table import markdown

_KIB: Final = 1024
_MIB: Final = 1024 * 1024
_PLACES: Final = ("first", "early", "middle", "late")

_SPANS_HEADINGS: Final = (
    *("", "MiB", "probe ms", "probe KiB", "plan", "spans", "bytes", "bound", "alone", "requests"),
    *("lost", "offset ms", "bound", "the same", "nearly", "promised", "CPU s", ""),
)
_LONG_HEADINGS: Final = (
    *("", "MiB", "probe s", "probe KiB", *_PLACES, "bound", "offset ms", "the same", "CPU s", ""),
)


def spans_table(rows: list[SpansRow], minutes: float) -> str:
    """Render what whole recordings cost and how exact they came out."""
    told = (
        f"{minutes:g} minutes in spans of {MACRO_S} s, cut in pauses up to {REACH_S} s from the"
        " grid.\nBytes sent by the host over the file's size, of planning, spans, and all together"
        " with the probe; who extracts shares nothing with who plans. Alone: of one span in a"
        " process that knows nothing yet, over the span's share, so with the index once more."
        " Samples lost and offsets against a full decode; shares of samples that are the same, and"
        " the same but for the last bits. CPU time of extracting, ffmpeg's included."
    )
    return f"{told}\n\n{markdown(_SPANS_HEADINGS, [_spans_cells(row) for row in rows])}"


def long_table(rows: list[LongRow], hours: float) -> str:
    """Render what single spans of many hours cost."""
    told = (
        f"{hours:g} hours: bytes sent by the host for one span of {MACRO_S} s, over the span's"
        " share of the file. The first one of a process pays for the index, where there is one."
    )
    return f"{told}\n\n{markdown(_LONG_HEADINGS, [_long_cells(row) for row in rows])}"


def _spans_cells(row: SpansRow) -> tuple[str, ...]:
    found = row.found
    audio = ("", "", "", "", "")
    if found is not None:
        audio = (
            str(found.lost_samples),
            f"{found.offset_ms:+.3f}",
            f"{row.offset_bound_ms:g}",
            f"{found.exact_share:.4%}",
            f"{found.close_share:.4%}",
        )
    costs = (row.probe, row.planning, row.spans)
    return (
        row.name,
        f"{row.size_bytes / _MIB:.1f}",
        f"{row.probe.wall_s * 1000:.0f}",
        f"{row.probe.served.bytes_sent / _KIB:.0f}",
        f"{row.planning.served.bytes_sent / row.size_bytes:.2f}",
        f"{row.spans.served.bytes_sent / row.size_bytes:.2f}",
        f"{row.byte_ratio:.2f}",
        f"{row.byte_bound:g}",
        f"{row.alone_ratio:.2f}",
        str(sum(cost.served.requests for cost in costs)),
        *audio,
        row.exactness,
        f"{row.spans.cpu_s:.1f}",
        "; ".join(row.failures) or "pass",
    )


def _long_cells(row: LongRow) -> tuple[str, ...]:
    return (
        row.name,
        f"{row.size_bytes / _MIB:.1f}",
        f"{row.probe.wall_s:.1f}",
        f"{row.probe.served.bytes_sent / _KIB:.0f}",
        *(f"{row.shares[place]:.2f}" if place in row.shares else "" for place in _PLACES),
        f"{SHARE_BOUND:g}",
        f"{row.found.offset_ms:+.3f}" if row.found else "",
        f"{row.found.exact_share:.4%}" if row.found else "",
        f"{row.cpu_s:.1f}",
        "; ".join(row.failures) or "pass",
    )
