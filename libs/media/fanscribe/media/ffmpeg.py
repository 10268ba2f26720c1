"""How ffmpeg is run: bounded, and never longer than somebody waits for it."""

import asyncio
import os
import re
import shutil
import signal
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

from fanscribe.media.limits import KIB, MediaLimits
from fanscribe.runtime.errors import FanscribeError, Reason

# Its messages are in English. Should it ever be made to ask for another URL than ours, it asks a
# proxy that is not there.
_ENVIRONMENT = {
    "PATH": os.environ.get("PATH", os.defpath),
    "LC_ALL": "C",
    "http_proxy": "http://127.0.0.1:1",
    "no_proxy": "127.0.0.1",
}
_STDERR_TAIL_LINES = 40
# What decoders and demuxers say of damage. Other complaints are about what they cope with.
_DAMAGE = re.compile(
    "Error while decoding|corrupt|CRC mismatch|crc check failed|invalid as first byte"
    "|exceeds containing master|PES packet size mismatch"
)
# What it tells of each packet that came to nothing.
_LOST_PACKET = "Error while decoding"
# And of what it leaves out, though it may end as if all were well: it cannot read on (the URL is
# that of a `Reading`), or a stream begins that is not the one it was asked for.
_LEFT_OUT = re.compile(
    r"^http://127\.0\.0\.1:\d+/\S+: |New audio stream|Error reinitializing filters"
)
_PROGRAMS = ("ffmpeg", "ffprobe", "setpriv", "prlimit")

# A message of ffmpeg's: nothing in its output tells that a duration is a guess.
_OUT_OF_MEMORY = "Cannot allocate memory"
DURATION_ESTIMATED = "Estimating duration from bitrate"


def require_programs() -> None:
    """Raise RuntimeError unless everything that is run here is installed."""
    missing = [name for name in _PROGRAMS if shutil.which(name) is None]
    if missing:
        raise RuntimeError(f"not installed: {', '.join(missing)} (Debian: ffmpeg, util-linux)")


class Process:
    """A running ffmpeg or ffprobe."""

    def __init__(self, process: asyncio.subprocess.Process, stdout: asyncio.StreamReader) -> None:
        self.stdout = stdout
        self.messages: deque[str] = deque(maxlen=_STDERR_TAIL_LINES)  # its last words
        self._is_damaged = False
        self._lost_packets = 0
        self._has_left_out = False
        self._process = process
        self._drained = asyncio.create_task(self._drain())

    async def exit_code(self) -> int:
        """Wait for the end; call it after the end of `stdout`."""
        return await self._process.wait()

    async def has_met_damage(self) -> bool:
        """Whether it told of something that it could not decode; call it after the end."""
        await asyncio.wait([self._drained])
        return self._is_damaged

    async def lost_packets(self) -> int:
        """Count the packets that it could not decode; call it after the end."""
        await asyncio.wait([self._drained])
        return self._lost_packets

    async def has_left_out(self) -> bool:
        """Whether it told that some of the file was left out; call it after the end."""
        await asyncio.wait([self._drained])
        return self._has_left_out

    async def check_bounds(self, *, is_short: bool = False) -> None:
        """Raise MEDIA_UNREADABLE if it ended for lack of CPU time or memory; after `stdout`.

        With `is_short`, less came out than should have, though it may say that all is well.
        """
        exit_code = await self.exit_code()
        await asyncio.wait([self._drained])
        is_failed = exit_code != 0 or is_short
        out_of_memory = is_failed and any(_OUT_OF_MEMORY in line for line in self.messages)
        # Nobody but the kernel kills it here: at the bound of its CPU time, or of the machine.
        if exit_code == -signal.SIGKILL or out_of_memory:
            raise FanscribeError(
                Reason.MEDIA_UNREADABLE,
                "reading the recording takes more computing or memory than is allowed; convert it"
                " to a common format, such as m4a",
            )

    async def _drain(self) -> None:
        assert self._process.stderr is not None  # noqa: S101  it is piped
        while line := await self._process.stderr.read(8 * KIB):
            for message in line.decode(errors="replace").splitlines():
                self.messages.append(message)
                self._is_damaged |= bool(_DAMAGE.search(message))
                self._lost_packets += _LOST_PACKET in message
                self._has_left_out |= bool(_LEFT_OUT.search(message))

    async def _kill(self) -> None:
        if self._process.returncode is None:
            with suppress(ProcessLookupError):  # it has just ended by itself
                os.killpg(self._process.pid, signal.SIGKILL)
        while await self.stdout.read(64 * KIB):
            pass  # an unread pipe would keep the process's transport open
        await self._process.wait()


@asynccontextmanager
async def running(arguments: Sequence[str], limits: MediaLimits) -> AsyncIterator[Process]:
    """Run a command while inside; on leaving, it and whatever it started are killed.

    It has so much memory and CPU time as `limits` say, and can write no file.
    """
    child = await asyncio.create_subprocess_exec(
        # Dies with us, however we end.
        *("setpriv", "--pdeathsig", "KILL", "--"),
        *("prlimit", f"--as={limits.ffmpeg_memory_bytes}", f"--cpu={limits.ffmpeg_cpu_s}"),
        *("--core=0", "--fsize=0", "--", *arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
        env=_ENVIRONMENT,
        limit=64 * KIB,
    )
    assert child.stdout is not None  # noqa: S101  it is piped
    process = Process(child, child.stdout)
    try:
        yield process
    finally:
        await process._kill()  # noqa: SLF001
        await process._drained  # noqa: SLF001
