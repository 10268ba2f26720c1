"""A web server for tests that answers range requests, counts, and misbehaves on request."""

import asyncio
import hashlib
import re
import ssl
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from pathlib import Path
from types import TracebackType
from typing import Self

from aiohttp import web

_RANGE = re.compile(r"bytes=(\d+)-(\d*)")
_PIECE_BYTES = 64 * 1024


@dataclass
class Fault:
    """How `times` answers for a path go wrong; the next fault of the path follows, then none."""

    status: int | None = None  # answered in place of content
    headers: dict[str, str] = field(default_factory=dict)  # added to the answer, or to the status
    ignore_range: bool = False  # answer 200 and the whole file
    content_range: str | None = None  # a false Content-Range
    delay_s: float = 0.0  # before anything of the answer: the host is far away
    stall_head: bool = False  # neither an answer nor an end
    reset_after_bytes: int | None = None  # RST in the body
    end_after_bytes: int | None = None  # FIN in the body, before its Content-Length
    stall_after_bytes: int | None = None  # neither bytes nor an end
    bytes_per_s: int | None = None  # a slow drip
    redirect: str | None = None  # 302 to this URL
    answer_bytes: int = 1_000_000_000_000  # at most so many of those asked for, and says so
    times: int = 1_000_000_000
    first_byte_from: int = 0  # waits for a range that starts here or later


@dataclass
class Document:
    """What is served at a path, and what happened there."""

    content: bytes | Path
    etag: str | None
    last_modified: str | None
    content_type: str
    faults: list[Fault] = field(default_factory=list)
    requests: int = 0
    bytes_sent: int = 0
    open_requests: int = 0
    max_open_requests: int = 0
    ranges: list[tuple[int, int]] = field(default_factory=list)  # half-open, as asked for

    def size_bytes(self) -> int:
        return len(self.content) if isinstance(self.content, bytes) else self.content.stat().st_size

    def piece(self, start: int, end: int) -> bytes:
        if isinstance(self.content, bytes):
            return self.content[start:end]
        with self.content.open("rb") as file:
            file.seek(start)
            return file.read(end - start)


class RangeServer:
    """Serves documents at http://127.0.0.1:port/name. An async context manager.

    With `tls` at https://. A request for which `guard` returns a status is answered by that alone.
    A connection is closed after `keepalive_s` without a request.
    """

    def __init__(
        self,
        folder: Path | None = None,
        host: str = "127.0.0.1",
        *,
        tls: ssl.SSLContext | None = None,
        keepalive_s: float = 75,
        guard: Callable[[web.Request], int | None] = lambda _: None,
    ) -> None:
        self._folder = folder
        self._host = host
        self._tls = tls
        self._keepalive_s = keepalive_s
        self._guard = guard
        self.connections: set[object] = set()
        """The connections that requests came by, those that ended included."""
        self._documents: dict[str, Document] = {}
        self._stack = AsyncExitStack()
        self._released = asyncio.Event()
        self._port = 0

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_route("*", "/{name:.+}", self._answer)
        runner = web.AppRunner(
            app,
            access_log=None,
            handler_cancellation=True,
            keepalive_timeout=self._keepalive_s,
            shutdown_timeout=0.1,
        )
        await runner.setup()
        site = web.TCPSite(runner, self._host, 0, ssl_context=self._tls)
        await site.start()
        self._runner = runner
        self._port = runner.addresses[0][1]
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._released.set()
        await self._runner.cleanup()

    def add(
        self,
        name: str,
        content: bytes | Path,
        *,
        etag: str | None = "",
        last_modified: str | None = "",
        content_type: str = "application/octet-stream",
        faults: Sequence[Fault] = (),
    ) -> str:
        """Serve `content` at /name and return its URL. A validator that is None is not sent."""
        digest = hashlib.sha256(
            content if isinstance(content, bytes) else str(content.stat()).encode()
        )
        self._documents[name] = Document(
            content=content,
            etag=f'"{digest.hexdigest()[:16]}"' if etag == "" else etag,
            last_modified=formatdate(0, usegmt=True) if last_modified == "" else last_modified,
            content_type=content_type,
            faults=[replace(fault) for fault in faults],
        )
        return self.url(name)

    def url(self, name: str) -> str:
        """Return the URL of a document."""
        scheme = "https" if self._tls else "http"
        return f"{scheme}://{self._host}:{self._port}/{name}"

    def document(self, name: str) -> Document:
        """Return what is served at /name, with its counters."""
        if name not in self._documents and self._folder and (self._folder / name).is_file():
            self.add(name, self._folder / name)
        return self._documents[name]

    def replace(self, name: str, content: bytes) -> None:
        """Put other content at /name, under another validator."""
        old = self.document(name)
        old.content = content
        if old.etag is not None:
            old.etag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
        if old.last_modified is not None:
            old.last_modified = formatdate(1_000_000_000, usegmt=True)

    @property
    def open_requests(self) -> int:
        """Requests being answered now, at all paths."""
        return sum(document.open_requests for document in self._documents.values())

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.connections.add(request.protocol)
        status = self._guard(request)
        if status is not None:
            return web.Response(status=status)
        try:
            document = self.document(request.match_info["name"])
        except KeyError:
            return web.Response(status=404)
        document.requests += 1
        document.open_requests += 1
        document.max_open_requests = max(document.max_open_requests, document.open_requests)
        try:
            return await self._answer_document(request, document)
        finally:
            document.open_requests -= 1

    async def _answer_document(
        self, request: web.Request, document: Document
    ) -> web.StreamResponse:
        size_bytes = document.size_bytes()
        match = _RANGE.fullmatch(request.headers.get("Range", ""))
        start = int(match[1]) if match else 0
        end = min(int(match[2]) + 1, size_bytes) if match and match[2] else size_bytes
        if match:
            document.ranges.append((start, end))
        fault = _due(document, start)
        end = min(end, start + fault.answer_bytes)
        await asyncio.sleep(fault.delay_s)
        if fault.stall_head:
            await self._released.wait()
        refusal = _refusal(request, document, fault)
        if refusal is not None:
            return refusal
        headers = {"Content-Type": document.content_type, "Accept-Ranges": "bytes"}
        if document.etag is not None:
            headers["ETag"] = document.etag
        if document.last_modified is not None:
            headers["Last-Modified"] = document.last_modified
        if match and not fault.ignore_range and _if_range_holds(request, document):
            if start >= size_bytes:
                return web.Response(status=416, headers={"Content-Range": f"bytes */{size_bytes}"})
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{size_bytes}"
            response = web.StreamResponse(status=206)
        else:
            start, end = 0, size_bytes
            response = web.StreamResponse(status=200)
        if fault.content_range is not None:
            headers["Content-Range"] = fault.content_range
        response.headers.update({**headers, **fault.headers})
        response.content_length = end - start
        await response.prepare(request)
        await self._send(request, response, document, fault, (start, end))
        return response

    async def _send(
        self,
        request: web.Request,
        response: web.StreamResponse,
        document: Document,
        fault: Fault,
        span: tuple[int, int],
    ) -> None:
        position, end = span
        while position < end:
            sent = position - span[0]
            limit = min(_PIECE_BYTES, end - position)
            for stop, act in (
                (fault.reset_after_bytes, _reset),
                (fault.end_after_bytes, _close),
                (fault.stall_after_bytes, None),
            ):
                if stop is None:
                    continue
                if sent >= stop:
                    await self._stop(request, act)
                    return
                limit = min(limit, stop - sent)
            if fault.bytes_per_s is not None:
                limit = min(limit, max(1, fault.bytes_per_s // 20))
                await asyncio.sleep(limit / fault.bytes_per_s)
            data = document.piece(position, position + limit)
            await response.write(data)
            document.bytes_sent += len(data)
            position += len(data)

    async def _stop(
        self, request: web.Request, act: Callable[[asyncio.Transport], None] | None
    ) -> None:
        if act is None:
            await self._released.wait()
        elif request.transport is not None:
            act(request.transport)


def _due(document: Document, start: int) -> Fault:
    if not document.faults or start < document.faults[0].first_byte_from:
        return Fault()
    fault = document.faults[0]
    fault.times -= 1
    if fault.times == 0:
        document.faults.pop(0)
    return fault


def _refusal(request: web.Request, document: Document, fault: Fault) -> web.Response | None:
    if fault.redirect is not None:
        return web.Response(status=302, headers={"Location": fault.redirect})
    if fault.status is not None:
        return web.Response(status=fault.status, headers=fault.headers)
    return None if _matches(request, document) else web.Response(status=412)


def _matches(request: web.Request, document: Document) -> bool:
    if_match = request.headers.get("If-Match")
    if if_match is not None:
        return if_match == document.etag
    unmodified_since = request.headers.get("If-Unmodified-Since")
    return unmodified_since is None or unmodified_since == document.last_modified


def _if_range_holds(request: web.Request, document: Document) -> bool:
    return request.headers.get("If-Range") in {None, document.etag, document.last_modified}


def _reset(transport: asyncio.Transport) -> None:
    transport.abort()


def _close(transport: asyncio.Transport) -> None:
    transport.close()
