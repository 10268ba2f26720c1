"""A span of a recording as audio: exact to the sample, or an error."""

import asyncio
import logging
from collections.abc import AsyncIterator

import numpy as np
from numpy.typing import NDArray

from fanscribe.media.ffmpeg import Process
from fanscribe.media.gateway import Reading
from fanscribe.media.limits import MediaLimits
from fanscribe.media.parts import not_alike
from fanscribe.media.reader import too_slow
from fanscribe.media.recording import Strategy
from fanscribe.media.timeline import BYTES_PER_SAMPLE, SAMPLE_RATE, Span, ms_of
from fanscribe.runtime.errors import FanscribeError, Reason

_log = logging.getLogger(__name__)

BLOCK_SAMPLES = 4 * SAMPLE_RATE  # 128 KB; smaller ones are passed on too often
# Packets that may come to nothing, of tens of milliseconds each: so many, and so many each minute.
_LOST_PACKETS_FLOOR = 40
_LOST_PACKETS_A_MINUTE = 2


class Extraction:
    """Audio of a span, decoded as it is asked for. Iterate once.

    Yields int16 blocks of `BLOCK_SAMPLES` (the last one may be shorter), mono, 16 kHz, in order,
    `span.samples` in all, or all until the end of the recording. Raises FanscribeError:
    MEDIA_TRUNCATED when the recording ends too soon, or what befell the reading.

    Of a recording that is decoded as a whole, nothing may tell how long it is. Then it has ended
    where it should if ffmpeg has taken its last byte, and lost next to nothing on the way.
    """

    def __init__(
        self,
        *,
        process: Process,
        reading: Reading,
        span: Span,
        to_end: bool,
        limits: MediaLimits,
        strategy: Strategy,
    ) -> None:
        self.warnings: list[str] = []  # what the caller should know, in plain words
        self._process = process
        self._reading = reading
        self._span = span
        self._to_end = to_end
        self._limits = limits
        self._strategy = strategy
        self._waited_s = 0.0

    @property
    def bytes_fetched(self) -> int:
        """Bytes fetched from the media host so far."""
        return self._reading.reader.bytes_fetched

    async def __aiter__(self) -> AsyncIterator[NDArray[np.int16]]:
        """Yield the blocks."""
        samples = 0
        while True:
            block = await self._next_block()
            samples += len(block)
            if not self._to_end and samples > self._span.samples:
                raise _changes_midway()
            if len(block) < BLOCK_SAMPLES:
                break
            yield block
        # The end of ffmpeg's output means nothing by itself: it also ends on a broken input.
        self._reading.check()
        await self._process.check_bounds()
        if self._strategy is not Strategy.SPANS:
            await self._check_whole(samples)
        tolerance_ms = self._limits.shortfall_tolerance_ms
        if await self._process.has_met_damage():
            self._warn_of_damage(samples)
            tolerance_ms = self._limits.damage_tolerance_ms
        missing = self._span.samples - samples
        padding = await self._judge_end(missing, tolerance_ms) if missing > 0 else 0
        block = np.concatenate([block, np.zeros(padding, np.int16)])
        if len(block):
            yield block

    async def _check_whole(self, samples: int) -> None:
        is_joined = self._strategy is Strategy.JOINED
        if is_joined and await self._process.has_left_out():
            raise not_alike()
        minutes = samples / (60 * SAMPLE_RATE)
        bearable = _LOST_PACKETS_FLOOR + _LOST_PACKETS_A_MINUTE * minutes
        if await self._process.lost_packets() > bearable:
            raise not_alike() if is_joined else _mostly_damaged()
        left_bytes = self._reading.reader.source.size_bytes - self._reading.reached_byte
        exit_code = await self._process.exit_code()
        if left_bytes or exit_code:
            fields = {"exit_code": exit_code, "left_bytes": left_bytes}
            _log.info("ffmpeg: %s", " | ".join(self._process.messages), extra={"fields": fields})
            raise FanscribeError(
                Reason.MEDIA_TRUNCATED,
                f"the recording breaks off: nothing after {ms_of(samples)} ms can be decoded;"
                " upload it again, or convert it",
            )

    def _warn_of_damage(self, samples: int) -> None:
        start_s = self._span.start_sample // SAMPLE_RATE
        end_s = -(-(self._span.start_sample + samples) // SAMPLE_RATE)
        self.warnings.append(
            f"the recording is damaged between {start_s} s and {end_s} s: what could not be decoded"
            " there is missing from the text, and times there may be off a little"
        )

    async def _next_block(self) -> NDArray[np.int16]:
        """Read a block; a shorter one is the last."""
        loop = asyncio.get_running_loop()
        started_s = loop.time()
        try:
            async with asyncio.timeout(self._limits.extract_deadline_s - self._waited_s):
                data = await self._process.stdout.readexactly(BLOCK_SAMPLES * BYTES_PER_SAMPLE)
        except asyncio.IncompleteReadError as error:
            data = error.partial
        except TimeoutError as error:
            raise too_slow() from error
        self._waited_s += loop.time() - started_s
        return np.frombuffer(data, np.dtype("<i2")).astype(np.int16, copy=False)

    async def _judge_end(self, missing: int, tolerance_ms: int) -> int:
        """Return how many samples of silence to add for `missing` ones, or raise."""
        exit_code = await self._process.exit_code()
        missing_ms = ms_of(missing)
        fields = {"exit_code": exit_code, "missing_ms": missing_ms}
        _log.info("ffmpeg: %s", " | ".join(self._process.messages), extra={"fields": fields})
        if missing_ms <= tolerance_ms:
            return 0 if self._to_end else missing
        await self._process.check_bounds(is_short=True)
        raise FanscribeError(
            Reason.MEDIA_TRUNCATED,
            f"the recording breaks off: {missing_ms} ms of audio are missing before"
            f" {ms_of(self._span.end_sample)} ms; upload it again",
        )


def _mostly_damaged() -> FanscribeError:
    """Say that too much came to nothing, of a recording that does not tell how much there is."""
    return FanscribeError(
        Reason.MEDIA_UNREADABLE, "the recording is damaged: much of it cannot be decoded"
    )


def _changes_midway() -> FanscribeError:
    """Say that ffmpeg began anew in the middle: what follows would lie in the wrong place."""
    return FanscribeError(
        Reason.MEDIA_UNREADABLE,
        "the recording's audio changes its sample rate or channels midway; convert it",
    )
