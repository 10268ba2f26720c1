"""How far a recording goes, while that is still being found out."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager

from fanscribe.media.ranges import Counting
from fanscribe.media.reader import too_slow


class Extent:
    """The length of a recording, as far as it is known.

    What it answers does not depend on when it is asked, only how soon.
    """

    def __init__(self, passed_sample: int, reader: Counting | None = None) -> None:
        self._passed_sample = passed_sample  # the end is not before it
        self._reader = reader
        self._scan: asyncio.Task[None] | None = None
        self._news = asyncio.Event()

    @property
    def bytes_fetched(self) -> int:
        """Bytes fetched from the media host to find the end, so far."""
        return self._reader.bytes_fetched if self._reader else 0

    async def reaches(self, sample: int) -> bool:
        """Whether the recording is `sample` long or longer.

        Answers as soon as that is known. Raises FanscribeError if it cannot be found out.
        """
        while self._passed_sample < sample and self._scan is not None and not self._scan.done():
            self._news.clear()
            await self._news.wait()
        if self._passed_sample < sample and self._scan is not None:
            self._scan.result()  # raises what went wrong
        return self._passed_sample >= sample

    async def end(self) -> int:
        """Return the length in samples, once the end is found. Raises FanscribeError."""
        if self._scan is not None:
            await asyncio.wait([self._scan])
            self._scan.result()
        return self._passed_sample

    async def _follow(self, progress: AsyncGenerator[int, None], deadline_s: float) -> None:
        try:
            async with asyncio.timeout(deadline_s), aclosing(progress):
                async for sample in progress:
                    self._passed_sample = max(self._passed_sample, sample)
                    self._news.set()
        except TimeoutError as error:
            raise too_slow() from error
        finally:
            self._news.set()


@asynccontextmanager
async def scanned(
    reader: Counting, progress: AsyncGenerator[int, None], deadline_s: float
) -> AsyncIterator[Extent]:
    """Learn the length from `progress`: ever greater samples, the last of which is the end."""
    extent = Extent(0, reader)
    scan = asyncio.create_task(extent._follow(progress, deadline_s))  # noqa: SLF001
    extent._scan = scan  # noqa: SLF001
    scan.add_done_callback(lambda _: extent._news.set())  # noqa: SLF001
    try:
        yield extent
    finally:
        scan.cancel()
        # What the scan failed with was told to those who asked.
        await asyncio.gather(scan, return_exceptions=True)
