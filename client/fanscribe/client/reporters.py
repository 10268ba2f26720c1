"""How the command tells on standard error what goes on: a bar on a terminal, lines elsewhere."""

import sys
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Self

import click
from rich import progress as bars
from rich.console import Console
from rich.table import Column
from rich.text import Text

from fanscribe.client.events import Completed, Plan, Progress
from fanscribe.client.wording import clock, closing_lines, duration, plan_line, progress_line

# Between two plain lines, in the server's time.
_LINE_INTERVAL_MS = 5_000


class Reporter(AbstractContextManager["Reporter"]):
    """Tells steps, progress and notes in plain lines, now and then."""

    def __init__(self) -> None:
        self._next_line_ms = _LINE_INTERVAL_MS

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave standard error as it was found."""

    def step(self, step: str) -> None:
        """Tell what is being done now."""
        self.note(step)

    def note(self, note: str) -> None:
        """Tell something that is to stay readable."""
        click.echo(note, err=True)

    def plan(self, plan: Plan) -> None:
        """Tell what is about to be done."""
        self.note(plan_line(plan))

    def progress(self, progress: Progress) -> None:
        """Tell how far the job is, if it is time again."""
        if progress.elapsed_ms >= self._next_line_ms:
            self._next_line_ms = progress.elapsed_ms + _LINE_INTERVAL_MS
            self.note(progress_line(progress))

    def completed(self, completed: Completed) -> None:
        """Tell the balance."""
        for line in closing_lines(completed):
            self.note(line)

    def write(self, text: str) -> None:
        """Write a part of the result to standard output."""
        click.echo(text, nl=False)


class TerminalReporter(Reporter):
    """Shows a progress bar with audio time, chunks, speed and the time left."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console
        self._bars = bars.Progress(
            bars.SpinnerColumn(),
            bars.TextColumn("{task.description}", markup=False),
            # The bar takes what room is left; numbers that wrap would be unreadable.
            bars.BarColumn(bar_width=None),
            bars.TextColumn("{task.fields[told]}", markup=False, table_column=Column(no_wrap=True)),
            expand=True,
            console=console,
            transient=True,
            # Standard output may be a file: it is written as it is.
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._bar = self._bars.add_task("", total=None, told="")

    def __enter__(self) -> Self:
        """Show the bar."""
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Take the bar away."""
        self._bars.stop()

    def step(self, step: str) -> None:
        """Tell what is being done now, beside the bar."""
        self._bars.update(self._bar, description=step)

    def note(self, note: str) -> None:
        """Write above the bar."""
        self._console.print(Text(note), soft_wrap=True)

    def plan(self, plan: Plan) -> None:
        """Tell what is about to be done, above the bar, and start to fill it."""
        super().plan(plan)
        self._bars.update(self._bar, description="transcribing", total=plan.duration_ms)

    def progress(self, progress: Progress) -> None:
        """Move the bar."""
        left = progress.remaining_ms
        told = [
            f"{clock(progress.done_ms)}/{clock(progress.duration_ms)}",
            f"chunk {progress.macro_chunks_done}/{progress.macro_chunks}",
            f"{progress.speed_up:.1f}x",
            f"{duration(left)} left" if left is not None else "",
        ]
        self._bars.update(
            self._bar,
            completed=progress.done_ms,
            total=progress.duration_ms,
            told="  ".join(told),
        )

    def write(self, text: str) -> None:
        """Write to standard output; above the bar if that is the terminal too."""
        if sys.stdout.isatty():
            self._console.print(Text(text), end="", soft_wrap=True)
        else:
            super().write(text)


def reporter_for_stderr() -> Reporter:
    """Choose by what standard error is."""
    console = Console(stderr=True)
    if sys.stderr.isatty() and not console.is_dumb_terminal:
        return TerminalReporter(console)
    return Reporter()
