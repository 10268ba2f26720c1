"""Numbers as people read them, and the sentences made of them."""

from fanscribe.client.events import Completed, Plan, Progress


def clock(time_ms: int) -> str:
    """Time as m:ss, or h:mm:ss from an hour on."""
    minutes, seconds = divmod(time_ms // 1000, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def duration(time_ms: int) -> str:
    """Time as seconds under a minute ("4.2 s"), as a clock from then on ("12:30")."""
    return f"{time_ms / 1000:.1f} s" if time_ms < 60_000 else clock(time_ms)


def size(size_bytes: int) -> str:
    """Size in decimal units with three digits or so."""
    amount, unit = float(size_bytes), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if amount < 1000:
            break
        amount, unit = amount / 1000, larger
    return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"


def one_line(text: str) -> str:
    """Text on one line without control characters, whatever a server sent."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def plan_line(plan: Plan) -> str:
    """Tell what is about to be done."""
    how = (
        "decoded in one go"
        if plan.sequential
        else f"{plan.macro_chunks} chunk(s) of about {plan.options.macro_chunk_size_sec} s"
    )
    return one_line(
        f"{clock(plan.duration_ms)} of {plan.codec} audio in {plan.container}, "
        f"{size(plan.size_bytes)}: {how} (job {plan.job_id})"
    )


def progress_line(progress: Progress) -> str:
    """Tell how far the job is."""
    share = progress.done_ms / progress.duration_ms if progress.duration_ms else 0
    parts = [
        f"{clock(progress.done_ms)} of {clock(progress.duration_ms)} ({share:.0%})",
        f"{progress.speed_up:.1f}x real time",
    ]
    if progress.remaining_ms is not None:
        parts.append(f"about {duration(progress.remaining_ms)} left")
    return ", ".join(parts)


def closing_lines(completed: Completed) -> list[str]:
    """Tell the balance, in a line of its own, and every warning in another."""
    coverage = completed.coverage
    balance = "; ".join(
        [
            f"{clock(completed.input_duration_ms)} of audio in "
            f"{duration(completed.processing_duration_ms)}, {completed.speed_up:.1f}x real time",
            f"language {one_line(completed.language) or 'unknown'}",
            f"{completed.segments} segments",
            f"{coverage.speech_with_text:.1%} of speech has text, "
            f"{clock(coverage.silent_ms)} of silence",
            f"{size(completed.bytes_fetched)} fetched",
        ]
    )
    return [balance, *(f"warning: {one_line(warning)}" for warning in completed.warnings)]
