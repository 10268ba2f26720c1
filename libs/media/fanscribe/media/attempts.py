"""Trying again where a media host fails for the moment."""

import asyncio
import logging
import random

from fanscribe.media.http import PassingError
from fanscribe.media.limits import MediaLimits
from fanscribe.runtime.errors import FanscribeError, Reason

_log = logging.getLogger(__name__)


class Attempts:
    """Counts failures in a row and waits between them."""

    def __init__(self, limits: MediaLimits) -> None:
        self._limits = limits
        self._failures = 0

    def progressed(self) -> None:
        """Forget the failures so far: bytes arrived."""
        self._failures = 0

    async def failed(self, failure: PassingError) -> None:
        """Wait before the next attempt; raise MEDIA_HOST_UNAVAILABLE if there is none."""
        self._failures += 1
        _log.info("media host %s", failure.what, extra={"fields": {"failures": self._failures}})
        if self._failures >= self._limits.attempts:
            raise FanscribeError(
                Reason.MEDIA_HOST_UNAVAILABLE,
                f"the media host {failure.what} ({self._failures} attempts); try again later",
            )
        wait_s = self._limits.backoff_s * 2.0 ** (self._failures - 1) * random.uniform(0.75, 1.25)  # noqa: S311
        await asyncio.sleep(
            max(
                min(wait_s, self._limits.backoff_max_s),
                min(failure.retry_after_s, self._limits.retry_after_max_s),
            )
        )
