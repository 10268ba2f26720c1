"""A peer in a process of its own: `python -m benchmarks.peers`, seen from outside."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.interpreters import ROOT, MissingPeerError, interpreter
from benchmarks.peer import Options, Transcription

_NO_WISHES = Options()

# Weights may have to be joined first, and digests computed.
_START_S = 600
_STOP_S = 60
# A whole transcript comes as one line.
_LINE_LIMIT_BYTES = 64 * 1024 * 1024


class PeerError(Exception):
    """A peer could not be started, or did not finish."""


@dataclass(frozen=True)
class Answer:
    """A transcription, and the wall time from the call to its last word."""

    wall_s: float
    transcription: Transcription


class PeerProcess:
    """A peer that is loaded and waits for recordings to transcribe, one after the other."""

    def __init__(self, peer: str, process: asyncio.subprocess.Process) -> None:
        self._peer = peer
        self._process = process

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    async def transcribe(
        self, recording: Path, limit_s: float, options: Options = _NO_WISHES
    ) -> Answer:
        """Let it transcribe. Raises PeerError."""
        assert self._process.stdin is not None
        self._process.stdin.write(_request(recording, options))
        answer = await self.answer(limit_s)
        if "error" in answer:
            raise PeerError(f"{self._peer}: {answer['error']}")
        return Answer(answer["wall_s"], Transcription.from_json(answer["transcription"]))

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


def _request(recording: Path, options: Options) -> bytes:
    # The peer runs in another folder.
    request = {"path": str(recording.resolve()), "options": asdict(options)}
    return json.dumps(request).encode() + b"\n"


@asynccontextmanager
async def started(
    peer: str, weights: Path, warm_up: Path | None = None
) -> AsyncIterator[PeerProcess]:
    """Run a peer while inside, loaded, and warmed up on a recording if given. Raises PeerError."""
    try:
        python = interpreter(peer)
    except MissingPeerError as error:
        raise PeerError(str(error)) from error
    arguments = [peer, str(weights), *([] if warm_up is None else [str(warm_up)])]
    process = await asyncio.create_subprocess_exec(
        *(str(python), "-m", "benchmarks.peers", *arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=_LINE_LIMIT_BYTES,
        cwd=ROOT,
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
