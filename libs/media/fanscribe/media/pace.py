"""How fast a media host sends."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable

from fanscribe.media.limits import KIB, MediaLimits
from fanscribe.runtime.errors import FanscribeError, Reason


class Pace:
    """Holds what a host sends against the least it has to, in any stretch of waiting for it.

    Time that passes while nobody waits is the consumer's own.
    """

    def __init__(self, limits: MediaLimits) -> None:
        self._least_bytes_per_s = limits.least_bytes_per_s
        self._window_s = limits.pace_window_s
        self._waits: deque[tuple[float, int]] = deque()  # seconds, and the bytes that came then
        self._waited_s = 0.0
        self._received_bytes = 0

    async def watched(self, pieces: AsyncIterable[bytes]) -> AsyncGenerator[bytes, None]:
        """Yield the pieces; raises MEDIA_HOST_UNAVAILABLE if they come too slowly."""
        clock = asyncio.get_running_loop().time
        begun_s = clock()
        async for piece in pieces:
            self._enter(clock() - begun_s, len(piece))
            yield piece
            begun_s = clock()

    def _enter(self, waited_s: float, received_bytes: int) -> None:
        self._waits.append((waited_s, received_bytes))
        self._waited_s += waited_s
        self._received_bytes += received_bytes
        while self._waited_s - self._waits[0][0] >= self._window_s:
            oldest_s, oldest_bytes = self._waits.popleft()
            self._waited_s -= oldest_s
            self._received_bytes -= oldest_bytes
        if self._waited_s < self._window_s:
            return
        bytes_per_s = self._received_bytes / self._waited_s
        if bytes_per_s < self._least_bytes_per_s:
            raise FanscribeError(
                Reason.MEDIA_HOST_UNAVAILABLE,
                f"the media host is too slow: it sends {bytes_per_s / KIB:.1f} KiB/s, and"
                f" {self._least_bytes_per_s / KIB:.1f} KiB/s are needed; offer the recording at"
                " another host",
            )
