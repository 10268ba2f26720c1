"""A media host in a process of its own, so that its CPU time is not counted as the reader's."""

import asyncio
import json
import logging
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.range_server import RangeServer


@dataclass(frozen=True)
class Served:
    """What a media host has answered for one recording so far."""

    requests: int = 0
    bytes_sent: int = 0

    def since(self, before: "Served") -> "Served":
        """What was answered after `before`."""
        return Served(self.requests - before.requests, self.bytes_sent - before.bytes_sent)

    def plus(self, other: "Served") -> "Served":
        """Both together."""
        return Served(self.requests + other.requests, self.bytes_sent + other.bytes_sent)


class MediaHost:
    """A running media host."""

    def __init__(self, process: asyncio.subprocess.Process, base_url: str) -> None:
        self._process = process
        self._base_url = base_url

    def url(self, name: str) -> str:
        """Return where a recording is."""
        return self._base_url + name

    async def served(self, name: str) -> Served:
        """Ask what was answered for a recording so far."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{name}\n".encode())
        return Served(**json.loads(await self._process.stdout.readline()))


@asynccontextmanager
async def media_host(folder: Path) -> AsyncIterator[MediaHost]:
    """Serve the recordings in `folder` while inside."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.media_host", str(folder)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield MediaHost(process, (await process.stdout.readline()).decode().strip())
    finally:
        process.stdin.close()
        await process.wait()


async def _serve(folder: Path) -> None:
    """Tell the address, then for each line with a name what was served; end with the input."""
    # A reader that has enough closes its connection; nobody need hear of that.
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)
    async with RangeServer(folder) as server:
        print(server.url(""), flush=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            document = server.document(line.strip())
            answer = {"requests": document.requests, "bytes_sent": document.bytes_sent}
            print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1])))
