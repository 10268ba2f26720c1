"""The `fanscribe` command as a process, with pipes or on a pseudo-terminal."""

import asyncio
import os
import sys
import termios
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

COMMAND = (sys.executable, "-m", "fanscribe.client")


@dataclass(frozen=True)
class Ended:
    """What a run of the command left."""

    status: int
    stdout: str
    stderr: str


@asynccontextmanager
async def running(*arguments: str, **environment: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **environment},
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def end_of(process: asyncio.subprocess.Process) -> Ended:
    async with asyncio.timeout(30):
        stdout, stderr = await process.communicate()
    assert process.returncode is not None
    return Ended(process.returncode, stdout.decode(), stderr.decode())


async def run(*arguments: str, **environment: str) -> Ended:
    async with running(*arguments, **environment) as process:
        return await end_of(process)


class Terminal:
    """A pseudo-terminal with a command on its standard error, and what appeared on it."""

    def __init__(self) -> None:
        self._master, self._slave = os.openpty()
        termios.tcsetwinsize(self._slave, (24, 100))
        self.text = ""
        self._grown = asyncio.Event()

    @asynccontextmanager
    async def running(
        self, *arguments: str, stdout: int | None = None
    ) -> AsyncIterator[asyncio.subprocess.Process]:
        asyncio.get_running_loop().add_reader(self._master, self._read)
        process = await asyncio.create_subprocess_exec(
            *COMMAND,
            *arguments,
            stdin=self._slave,
            stdout=stdout or self._slave,
            stderr=self._slave,
            env={**os.environ, "TERM": "xterm-256color"},
            start_new_session=True,
        )
        try:
            yield process
        finally:
            asyncio.get_running_loop().remove_reader(self._master)
            if process.returncode is None:
                process.kill()
                await process.wait()
            os.close(self._master)
            os.close(self._slave)

    async def shows(self, holds: Callable[[str], bool]) -> None:
        async with asyncio.timeout(30):
            while not holds(self.text):
                self._grown.clear()
                await self._grown.wait()

    def _read(self) -> None:
        self.text += os.read(self._master, 65536).decode(errors="replace")
        self._grown.set()
