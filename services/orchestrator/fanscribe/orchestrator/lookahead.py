"""How far planning may run ahead of the work."""

import asyncio


class Lookahead:
    """Bounds the planned chunks that wait for a splitter."""

    def __init__(self, chunks: int) -> None:
        self._chunks = chunks
        self._waiting: set[int] = set()
        self._changed = asyncio.Event()

    def planned(self, index: int) -> None:
        """Take note of a chunk that waits from now on."""
        self._waiting.add(index)

    def dispatched(self, index: int) -> None:
        """Take note of a chunk that a splitter was given, for the first time or again."""
        self._waiting.discard(index)
        self._changed.set()

    async def room(self) -> None:
        """Wait until one more chunk may be planned."""
        while len(self._waiting) >= self._chunks:
            self._changed.clear()
            await self._changed.wait()
