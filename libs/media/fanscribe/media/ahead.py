"""Fetching a block before it is asked for."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing


class Ahead:
    """A block's pieces, fetched from now on and kept until they are asked for.

    It holds at most the one block. `aclose` stops fetching.
    """

    def __init__(self, pieces: AsyncGenerator[bytes, None]) -> None:
        self._kept: asyncio.Queue[bytes] = asyncio.Queue()
        self._task = asyncio.create_task(self._fetch(pieces))

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """Yield the pieces; raises what fetching them raised."""
        while piece := await self._kept.get():
            yield piece
        await self._task

    async def aclose(self) -> None:
        """Stop, and wait until nothing is fetched any more."""
        self._task.cancel()
        # What it failed with was told to whoever asked for the piece.
        await asyncio.gather(self._task, return_exceptions=True)

    async def _fetch(self, pieces: AsyncGenerator[bytes, None]) -> None:
        try:
            async with aclosing(pieces):
                async for piece in pieces:
                    self._kept.put_nowait(piece)
        finally:
            self._kept.put_nowait(b"")  # the end
