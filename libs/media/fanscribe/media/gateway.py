"""A loopback HTTP server between ffmpeg and our readers: ffmpeg never touches the network."""

import asyncio
import re
import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from types import TracebackType
from typing import Self

from aiohttp import web

from fanscribe.media.anchor import Anchor, Piece, pieces_of
from fanscribe.media.limits import KIB, MediaLimits
from fanscribe.media.parts import PartsCheck
from fanscribe.media.reader import Reader
from fanscribe.runtime.errors import FanscribeError, Reason

_RANGE = re.compile(r"bytes=(\d+)-(\d*)")

# Kernel buffers hold what ffmpeg may never ask for; small ones keep reading ahead bounded.
SOCKET_BUFFER_BYTES = 8 * KIB


class Reading:
    """One reader offered to one ffmpeg process, at a URL nobody can guess.

    With an anchor, ffmpeg sees the view that it describes.
    """

    def __init__(
        self,
        reader: Reader,
        url: str,
        anchor: Anchor | None,
        limits: MediaLimits,
        check: PartsCheck | None,
    ) -> None:
        self.reader = reader
        self.reached_byte = 0  # of the recording: what comes before it was served
        self.limits = limits
        self._check = check
        self._pieces = pieces_of(anchor, reader.source.size_bytes)
        self.url = url
        self.error: FanscribeError | None = None  # the first that befell the reader
        self._requests_left = limits.ffmpeg_requests
        self._tasks: set[asyncio.Task[object]] = set()

    def check(self) -> None:
        """Raise what befell the reader, if anything did."""
        if self.error is not None:
            raise self.error

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Serve one request of ffmpeg; it ends early when ffmpeg goes away."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  this is a coroutine
        self._tasks.add(task)
        try:
            return await self._answer(request)
        finally:
            self._tasks.discard(task)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        size_bytes = self._pieces[-1].end
        match = _RANGE.fullmatch(request.headers.get("Range", "bytes=0-"))
        start = int(match[1]) if match else size_bytes
        if start >= size_bytes:
            return web.Response(status=416, headers={"Content-Range": f"bytes */{size_bytes}"})
        end = min(int(match[2]) + 1, size_bytes) if match and match[2] else size_bytes
        self._requests_left -= 1
        if self._requests_left < 0:
            self.error = self.error or FanscribeError(
                Reason.MEDIA_UNREADABLE, "the recording is damaged: reading it leads nowhere"
            )
        if self.error is not None:
            return web.Response(status=502)
        response = web.StreamResponse(
            status=206,
            headers={
                "Accept-Ranges": "bytes",
                "Content-Length": str(end - start),
                "Content-Range": f"bytes {start}-{end - 1}/{size_bytes}",
                "Content-Type": "application/octet-stream",
            },
        )
        await response.prepare(request)
        if request.transport is not None:
            # Nothing waits in this process: what ffmpeg is not ready for is not fetched either.
            request.transport.set_write_buffer_limits(high=0)
        if request.method == "GET":
            await self._stream(request, response, start, end)
        return response

    async def _stream(
        self, request: web.Request, response: web.StreamResponse, start: int, end: int
    ) -> None:
        try:
            for part in self._pieces:
                first, last = max(start, part.start) - part.start, min(end, part.end) - part.start
                if first < last:
                    await self._write(request, response, part, first, last)
        except FanscribeError as error:
            self.error = self.error or error
            if request.transport is not None:
                request.transport.abort()
        except ConnectionError:
            pass  # ffmpeg seeks or has enough: it closed the connection

    async def _write(
        self,
        request: web.Request,
        response: web.StreamResponse,
        part: Piece,
        first: int,
        last: int,
    ) -> None:
        """Send bytes [first, last) of a part of the view."""
        if part.source_byte is None:
            await response.write(part.made[first:last])
            return
        source = self.reader.read(part.source_byte + first, part.source_byte + last)
        async with aclosing(source) as pieces:
            position = part.source_byte + first
            async for piece in pieces:
                if self._check is not None:
                    self._check.see(piece)
                await response.write(piece)
                await request.writer.drain()
                position += len(piece)
                self.reached_byte = max(self.reached_byte, position)

    async def end(self) -> None:
        """Stop serving at once and wait until nothing is fetched any more."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)


class Gateway:
    """The server; an async context manager."""

    def __init__(self, limits: MediaLimits) -> None:
        self._limits = limits
        self._readings: dict[str, Reading] = {}

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get("/{token}", self._answer)
        self._runner = web.AppRunner(
            app, access_log=None, handler_cancellation=True, shutdown_timeout=0.0
        )
        await self._runner.setup()
        listener = socket.create_server(("127.0.0.1", 0))
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SOCKET_BUFFER_BYTES)
        self._port: int = listener.getsockname()[1]
        await web.SockSite(self._runner, listener).start()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._runner.cleanup()

    @asynccontextmanager
    async def serving(
        self, reader: Reader, anchor: Anchor | None = None, check: PartsCheck | None = None
    ) -> AsyncIterator[Reading]:
        """Offer `reader`, or the view from `anchor` on, while inside.

        `check` is shown what is served: by one request, from the first byte on.
        """
        token = secrets.token_urlsafe(24)
        url = f"http://127.0.0.1:{self._port}/{token}"
        reading = Reading(reader, url, anchor, self._limits, check)
        self._readings[token] = reading
        try:
            yield reading
        finally:
            del self._readings[token]
            await reading.end()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        reading = self._readings.get(request.match_info["token"])
        return await reading.answer(request) if reading else web.Response(status=404)
