"""A peer in a process of its own: `python -m benchmarks.peers`, seen from outside."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

# Weights may have to be joined first, and digests computed.
_START_S = 600
_STOP_S = 60
# A whole transcript comes as one line.
_LINE_LIMIT_BYTES = 64 * 1024 * 1024


class PeerError(Exception):
    """A peer could not be started, or did not finish."""


class PeerProcess:
    """A peer that is warm and waits for the word to transcribe."""

    def __init__(self, peer: str, process: asyncio.subprocess.Process) -> None:
        self._peer = peer
        self._process = process

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    async def transcribe(self, limit_s: float) -> dict[str, Any]:
        """Let it transcribe; returns `wall_s`, `text` and `details`. Raises PeerError."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")
        return await self.answer(limit_s)

    async def answer(self, limit_s: float) -> dict[str, Any]:
        """Wait for the next thing it says. Raises PeerError."""
        assert self._process.stdout is not None
        try:
            async with asyncio.timeout(limit_s):
                line = await self._process.stdout.readline()
        except TimeoutError:
            raise PeerError(f"{self._peer}: no answer within {limit_s:.0f} s") from None
        if not line:
            status = await self._process.wait()
            raise PeerError(f"{self._peer}: ended with status {status}, see what it said above")
        answer: dict[str, Any] = json.loads(line)
        return answer

    async def stop(self) -> None:
        """Let it stop what it started, and end. Raises PeerError if it had to be killed."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            async with asyncio.timeout(_STOP_S):
                await self._process.wait()
        except TimeoutError:
            raise PeerError(f"{self._peer}: did not stop within {_STOP_S} s") from None
        finally:
            # The services it started die with it.
            with suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()

    def give_up(self) -> None:
        """Tell it to leave whatever it does."""
        with suppress(ProcessLookupError):
            self._process.terminate()


@asynccontextmanager
async def started(
    peer: str, model: str, warm_up: Path, recording: Path
) -> AsyncIterator[PeerProcess]:
    """Run a peer while inside, loaded and warmed up. Raises PeerError."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.peers", peer, model, str(warm_up), str(recording)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=_LINE_LIMIT_BYTES,
        # Ctrl-C is for this process alone, which then ends the other.
        start_new_session=True,
    )
    running = PeerProcess(peer, process)
    try:
        await running.answer(_START_S)
        yield running
    except BaseException:
        running.give_up()
        raise
    finally:
        await running.stop()
