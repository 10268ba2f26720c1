"""Spans of a recording straight from a local file: what fetching by HTTP is measured against."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, cast

import numpy as np
from numpy.typing import NDArray

from fanscribe.media.access import MediaAccess
from fanscribe.media.anchor import Anchor
from fanscribe.media.extraction import BLOCK_SAMPLES, Extraction
from fanscribe.media.headers import NO_HEADERS, RequestHeaders
from fanscribe.media.recording import Recording
from fanscribe.media.streams import DEFAULT_STREAM, StreamChoice
from fanscribe.media.timeline import BYTES_PER_SAMPLE, SAMPLE_RATE, Span

_RUN_UP_S: Final = 1


class LocalFile(MediaAccess):
    """In place of `MediaAccess`: plain ffmpeg on one file, whatever the URL is."""

    def __init__(self, path: Path, recording: Recording) -> None:
        """`recording` is what is in the file."""
        self._path = path
        self._recording = recording

    async def probe(
        self,
        url: str,  # noqa: ARG002
        headers: RequestHeaders = NO_HEADERS,  # noqa: ARG002
        choice: StreamChoice = DEFAULT_STREAM,  # noqa: ARG002
    ) -> Recording:
        """Tell what is known."""
        return self._recording

    @asynccontextmanager
    async def extract(
        self,
        recording: Recording,  # noqa: ARG002
        span: Span,
        *,
        to_end: bool = False,
        anchor: Anchor | None = None,  # noqa: ARG002
    ) -> AsyncIterator[Extraction]:
        """Decode `span` of the file."""
        process = await asyncio.create_subprocess_exec(
            *_command(self._path, span, to_end=to_end), stdout=asyncio.subprocess.PIPE
        )
        assert process.stdout is not None
        yield cast("Extraction", _Audio(process.stdout))
        await process.wait()


class _Audio:
    """What workers ask of an extraction."""

    bytes_fetched = 0

    def __init__(self, stdout: asyncio.StreamReader) -> None:
        self.warnings: list[str] = []
        self._stdout = stdout

    async def __aiter__(self) -> AsyncIterator[NDArray[np.int16]]:
        while True:
            try:
                data = await self._stdout.readexactly(BLOCK_SAMPLES * BYTES_PER_SAMPLE)
            except asyncio.IncompleteReadError as error:
                if error.partial:
                    yield np.frombuffer(error.partial, "<i2")
                return
            yield np.frombuffer(data, "<i2")


def _command(path: Path, span: Span, *, to_end: bool) -> list[str]:
    """Plain ffmpeg, with the run-up that makes it exact."""
    from_s = max(0.0, span.start_sample / SAMPLE_RATE - _RUN_UP_S)
    skipped_s = span.start_sample / SAMPLE_RATE - from_s
    source = ["-ss", f"{from_s:.6f}", "-i", str(path), "-ss", f"{skipped_s:.6f}"]
    length = [] if to_end else ["-t", f"{span.samples / SAMPLE_RATE:.6f}"]
    mono = ["-ac", "1", "-ar", str(SAMPLE_RATE), "-f", "s16le", "pipe:1"]
    return ["ffmpeg", "-v", "error", "-nostdin", "-threads", "1", *source, *length, *mono]
