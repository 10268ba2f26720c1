"""Access to recordings: the one object that services hold."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from types import TracebackType
from typing import Self

from aiohttp.abc import AbstractResolver

from fanscribe.media.extraction import Extraction
from fanscribe.media.ffmpeg import extract_arguments, require_programs, run_up_s, running
from fanscribe.media.frameindex import INDEXED_CONTAINERS, FrameIndexes
from fanscribe.media.gateway import Gateway
from fanscribe.media.headers import NO_HEADERS, RequestHeaders
from fanscribe.media.http import RangeClient
from fanscribe.media.limits import MediaLimits
from fanscribe.media.policy import SourcePolicy
from fanscribe.media.probe import describe
from fanscribe.media.reader import PageCache, Reader, pin, too_slow
from fanscribe.media.recording import Recording
from fanscribe.media.source import Source, View
from fanscribe.media.timeline import Span


class MediaAccess:
    """Probes recordings and extracts audio from them.

    An async context manager: it owns the HTTP session and the loopback gateway. One for a process.
    """

    def __init__(
        self,
        policy: SourcePolicy,
        limits: MediaLimits = MediaLimits(),  # noqa: B008  it is frozen
        resolver: AbstractResolver | None = None,
    ) -> None:
        """Names are looked up by `resolver`, by default as the system does it."""
        self._policy = policy
        self._limits = limits
        self._client = RangeClient(policy, limits, resolver)
        self._gateway = Gateway(limits)
        self._cache = PageCache(limits)
        self._indexes = FrameIndexes()

    async def __aenter__(self) -> Self:
        require_programs()
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._client)
            await stack.enter_async_context(self._gateway)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._stack.aclose()

    async def probe(self, url: str, headers: RequestHeaders = NO_HEADERS) -> Recording:
        """Find out what is at `url` and pin it. Raises FanscribeError (any MEDIA_ reason).

        `headers` go to the URL's own origin, in this and every later request.
        """
        try:
            async with asyncio.timeout(self._limits.probe_deadline_s):
                source = await pin(self._client, self._policy.check_url(url), self._limits, headers)
                async with self._gateway.serving(self._reader(source)) as reading:
                    return await describe(reading, self._indexes)
        except TimeoutError as error:
            raise too_slow() from error

    @asynccontextmanager
    async def extract(
        self, recording: Recording, span: Span, *, to_end: bool = False
    ) -> AsyncIterator[Extraction]:
        """Decode `span` of a recording; with `to_end`, from its start to the recording's end.

        Leaving the context stops ffmpeg and every request to the media host at once; whoever
        iterates in another task ends that first.
        """
        reader = self._reader(recording.source)
        view = await self._view(reader, recording, span)
        async with self._gateway.serving(reader, view.start_byte if view else 0) as reading:
            end_sample = None if to_end else span.end_sample
            arguments = extract_arguments(
                reading.url, recording, view, span.start_sample, end_sample
            )
            async with running(arguments, self._limits) as process:
                yield Extraction(
                    process=process,
                    reading=reading,
                    span=span,
                    to_end=to_end,
                    limits=self._limits,
                )

    async def _view(self, reader: Reader, recording: Recording, span: Span) -> View | None:
        """Find the bytes from which ffmpeg can decode `span`; None: it finds them by itself."""
        from_s = run_up_s(span.start_sample)
        if recording.container not in INDEXED_CONTAINERS or not from_s:
            return None
        timestamp_us = recording.start_time_us + from_s * 1_000_000
        try:
            async with asyncio.timeout(self._limits.extract_deadline_s):
                return await self._indexes.of(recording).view(reader, timestamp_us)
        except TimeoutError as error:
            raise too_slow() from error

    def _reader(self, source: Source) -> Reader:
        url = self._policy.check_url(source.url)
        return Reader(self._client, source, url, self._limits, self._cache)
