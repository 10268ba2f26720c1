"""Where the transcript goes: to standard output as it comes, or into a file all at once."""

import os
from collections.abc import Callable
from pathlib import Path

from fanscribe.client.events import Completed, Plan, Segment, Transcript
from fanscribe.client.formats import Format


class Output:
    """Collects a transcription's events and hands their text to `write`, part by part."""

    def __init__(self, form: Format, write: Callable[[str], None]) -> None:
        self._form = form
        self._write = write
        self._plan: Plan | None = None
        self._segments: list[Segment] = []

    def begin(self, plan: Plan) -> None:
        """Write what comes before the first segment."""
        self._plan = plan
        self._hand_on(self._form.begin)

    def add(self, segment: Segment) -> None:
        """Write one segment."""
        self._segments.append(segment)
        self._hand_on(self._form.segment(segment))

    def end(self, completed: Completed) -> None:
        """Write what comes after the last segment."""
        if self._plan is None:
            raise ValueError("a transcription without a plan has no end")
        transcript = Transcript(
            plan=self._plan, segments=tuple(self._segments), completed=completed
        )
        self._hand_on(self._form.end(transcript))

    def _hand_on(self, text: str) -> None:
        if text:
            self._write(text)


class FileOutput(Output):
    """Writes the transcript into the file at `path` when it is complete."""

    def __init__(self, form: Format, path: Path) -> None:
        self._path = path
        self._parts: list[str] = []
        super().__init__(form, self._parts.append)

    def end(self, completed: Completed) -> None:
        """Write the file. Raises OSError."""
        super().end(completed)
        _write_atomically(self._path, "".join(self._parts))


def _write_atomically(path: Path, text: str) -> None:
    """Write `text` to `path` so that a reader finds the old content or all of the new.

    What is no regular file, such as /dev/null, is written as it is.
    """
    target = path.resolve()
    if target.exists() and not target.is_file():
        target.write_text(text, encoding="utf-8")
        return
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        draft.write_text(text, encoding="utf-8")
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)
