"""Access to recordings: the one object that services hold."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from types import TracebackType
from typing import Self

from aiohttp.abc import AbstractResolver

from fanscribe.media.anchor import Anchor
from fanscribe.media.extent import Extent, scanned
from fanscribe.media.extraction import Extraction
from fanscribe.media.ffmpeg import require_programs, running
from fanscribe.media.ffmpeg_commands import extract_arguments, joined_arguments, run_up_s
from fanscribe.media.gateway import Gateway
from fanscribe.media.headers import NO_HEADERS, RequestHeaders
from fanscribe.media.http import RangeClient
from fanscribe.media.indexes import Indexes
from fanscribe.media.limits import MediaLimits
from fanscribe.media.pages import PageCache
from fanscribe.media.parts import PartsCheck
from fanscribe.media.policy import SourcePolicy
from fanscribe.media.probe import describe, packet_ends_us
from fanscribe.media.reader import Aim, Reader, pin, too_slow
from fanscribe.media.recording import Recording, Strategy
from fanscribe.media.source import Source
from fanscribe.media.streams import DEFAULT_STREAM, StreamChoice
from fanscribe.media.timeline import SAMPLE_RATE, Span, samples_of_us


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
        self._indexes = Indexes()

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

    async def probe(
        self,
        url: str,
        headers: RequestHeaders = NO_HEADERS,
        choice: StreamChoice = DEFAULT_STREAM,
    ) -> Recording:
        """Find out what is at `url` and pin it.

        `headers` go to the URL's own origin, in this and every later request. Raises FanscribeError
        (any MEDIA_ reason; OPTION_OUT_OF_RANGE if there is no such audio stream).
        """
        try:
            async with asyncio.timeout(self._limits.probe_deadline_s):
                checked_url = self._policy.check_url(url)
                source = await pin(self._client, checked_url, self._limits, self._cache, headers)
                async with self._gateway.serving(self._reader(source)) as reading:
                    return await describe(reading, self._indexes, choice)
        except TimeoutError as error:
            raise too_slow() from error

    @asynccontextmanager
    async def extent(self, recording: Recording) -> AsyncIterator[Extent]:
        """Find out how far a recording goes, while inside; costs nothing if the probe has."""
        if recording.duration_is_exact:
            yield Extent(recording.duration_samples)
            return
        reader = self._reader(recording.source)
        progress = self._progress(reader, recording)
        async with scanned(reader, progress, self._limits.scan_deadline_s) as extent:
            yield extent

    async def _progress(self, reader: Reader, recording: Recording) -> AsyncGenerator[int, None]:
        """Yield how many samples of a recording there are, as far as it was scanned."""
        frames = await self._indexes.frames(reader, recording)
        if frames is not None:
            async with aclosing(frames.scan(reader)) as ends_us:
                async for end_us in ends_us:
                    yield samples_of_us(end_us - recording.start_time_us)
            return
        async with (
            self._gateway.serving(reader) as reading,
            aclosing(packet_ends_us(reading, recording)) as ends_us,
        ):
            async for end_us in ends_us:
                yield samples_of_us(end_us - recording.start_time_us)

    async def anchor(
        self, recording: Recording, span: Span, fetched: Callable[[int], None]
    ) -> Anchor | None:
        """Find where decoding of `span` can begin, so that nobody else has to look for it.

        None: ffmpeg finds it best by itself. `fetched` is told the bytes this took. Raises
        FanscribeError.
        """
        reader = self._reader(recording.source)
        try:
            return await self._anchor(reader, recording, span)
        finally:
            fetched(reader.bytes_fetched)

    @asynccontextmanager
    async def extract(
        self,
        recording: Recording,
        span: Span,
        *,
        to_end: bool = False,
        anchor: Anchor | None = None,
    ) -> AsyncIterator[Extraction]:
        """Decode `span` of a recording; with `to_end`, from its start to the recording's end.

        `anchor` is that of the span, if somebody has found it already. A recording that is read
        sequentially is always decoded as a whole. Leaving the context stops ffmpeg and every
        request to the media host at once; whoever iterates in another task ends that first.
        """
        reader = self._reader(recording.source)
        if recording.is_sequential:
            async with self._whole(reader, recording) as extraction:
                yield extraction
            return
        if anchor is None:
            anchor = await self._anchor(reader, recording, span)
        reader.aim = _aim(recording, span, anchor)
        async with self._gateway.serving(reader, anchor) as reading:
            end_sample = None if to_end else span.end_sample
            arguments = extract_arguments(
                reading.url, recording, anchor, span.start_sample, end_sample
            )
            async with running(arguments, self._limits) as process:
                yield Extraction(
                    process=process,
                    reading=reading,
                    span=span,
                    to_end=to_end,
                    limits=self._limits,
                    strategy=recording.strategy,
                )

    @asynccontextmanager
    async def _whole(self, reader: Reader, recording: Recording) -> AsyncIterator[Extraction]:
        """Decode all of a recording, from its first byte on, to wherever it ends."""
        is_joined = recording.strategy is Strategy.JOINED
        check = PartsCheck(recording) if is_joined else None
        limits = self._limits.for_whole()
        async with self._gateway.serving(reader, check=check) as reading:
            if is_joined:
                arguments = joined_arguments(reading.url, recording)
            else:
                arguments = extract_arguments(reading.url, recording, None, 0, None)
            async with running(arguments, limits) as process:
                known_samples = recording.duration_samples if recording.duration_is_exact else 0
                yield Extraction(
                    process=process,
                    reading=reading,
                    span=Span(0, known_samples),
                    to_end=True,
                    limits=limits,
                    strategy=recording.strategy,
                )

    async def _anchor(self, reader: Reader, recording: Recording, span: Span) -> Anchor | None:
        if recording.is_sequential:
            return None
        timestamp_us = recording.start_time_us + run_up_s(span.start_sample) * 1_000_000
        try:
            async with asyncio.timeout(self._limits.extract_deadline_s):
                return await self._indexes.anchor(reader, recording, timestamp_us)
        except TimeoutError as error:
            raise too_slow() from error

    def _reader(self, source: Source) -> Reader:
        url = self._policy.check_url(source.url)
        return Reader(self._client, source, url, self._limits, self._cache)


def _aim(recording: Recording, span: Span, anchor: Anchor | None) -> Aim:
    """Guess where in the recording the audio of `span` ends, by the mean bit rate."""
    begin_byte, begin_sample = (0, 0) if anchor is None else (anchor.start_byte, span.start_sample)
    rest_samples = max(1, recording.duration_samples - begin_sample, span.end_sample - begin_sample)
    rest_bytes = recording.source.size_bytes - begin_byte
    run_up_samples = span.start_sample - run_up_s(span.start_sample) * SAMPLE_RATE
    return Aim(
        absolute_byte=begin_byte + rest_bytes * (span.end_sample - begin_sample) // rest_samples,
        length_bytes=rest_bytes * (run_up_samples + span.samples) // rest_samples,
    )
