"""Access to recordings: the one object that services hold."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from types import TracebackType
from typing import Self

from fanscribe.media.extraction import Extraction
from fanscribe.media.ffmpeg import extract_arguments, running
from fanscribe.media.gateway import Gateway
from fanscribe.media.http import RangeClient
from fanscribe.media.limits import MediaLimits
from fanscribe.media.policy import SourcePolicy
from fanscribe.media.probe import Recording, describe
from fanscribe.media.reader import IndexCache, Reader, pin
from fanscribe.media.source import Source
from fanscribe.media.timeline import Span
from fanscribe.runtime.errors import FanscribeError, Reason


class MediaAccess:
    """Probes recordings and extracts audio from them.

    An async context manager: it owns the HTTP session and the loopback gateway. One for a process.
    """

    def __init__(self, policy: SourcePolicy, limits: MediaLimits = MediaLimits()) -> None:  # noqa: B008
        self._policy = policy
        self._limits = limits
        self._client = RangeClient(policy, limits)
        self._gateway = Gateway(limits.ffmpeg_requests)
        self._cache = IndexCache(limits)

    async def __aenter__(self) -> Self:
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

    async def probe(self, url: str) -> Recording:
        """Find out what is at `url` and pin it. Raises FanscribeError (any MEDIA_ reason)."""
        try:
            async with asyncio.timeout(self._limits.probe_deadline_s):
                source = await pin(self._client, self._policy.check_url(url), self._limits)
                async with self._gateway.serving(self._reader(source)) as reading:
                    return await describe(reading)
        except TimeoutError as error:
            raise FanscribeError(
                Reason.MEDIA_HOST_UNAVAILABLE,
                "the media host is too slow to find out what the recording is",
            ) from error

    @asynccontextmanager
    async def extract(
        self, recording: Recording, span: Span, *, to_end: bool = False
    ) -> AsyncIterator[Extraction]:
        """Decode `span` of a recording; with `to_end`, from its start to the recording's end.

        Leaving the context stops ffmpeg and every request to the media host at once.
        """
        reader = self._reader(recording.source)
        async with self._gateway.serving(reader) as reading:
            arguments = extract_arguments(
                reading.url,
                recording.stream_index,
                recording.start_time_us,
                span.start_sample,
                None if to_end else span.end_sample,
            )
            async with running(arguments) as process:
                yield Extraction(
                    process=process,
                    reading=reading,
                    span=span,
                    to_end=to_end,
                    limits=self._limits,
                )

    def _reader(self, source: Source) -> Reader:
        url = self._policy.check_url(source.url)
        return Reader(self._client, source, url, self._limits, self._cache)
