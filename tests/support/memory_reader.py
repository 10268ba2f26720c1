"""A recording in memory, read as one on a web server is."""

from collections.abc import AsyncGenerator

from fanscribe.media.recording import Recording
from fanscribe.media.source import Source


class MemoryReader:
    """What indexes use of a `Reader`."""

    def __init__(self, content: bytes) -> None:
        self.source = Source("memory:", len(content), etag=f'"{len(content)}"')
        self.bytes_fetched = 0
        self._content = content

    async def read_all(self, start: int, end: int) -> bytes:
        self.bytes_fetched += max(0, min(end, len(self._content)) - start)
        return self._content[start:end]

    async def read(self, start: int, end: int) -> AsyncGenerator[bytes, None]:
        for at in range(start, end, 4096):
            yield await self.read_all(at, min(end, at + 4096))


def recording_of(
    reader: MemoryReader, container: str, duration_samples: int, *, stream_index: int = 0
) -> Recording:
    """Describe what is in memory as a probe does."""
    return Recording(
        source=reader.source,
        container=container,
        codec="",
        stream_index=stream_index,
        start_time_us=0,
        duration_samples=duration_samples,
    )
