"""One service of the local stack as a child process."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from fanscribe.client import tether
from fanscribe.client.log_tail import log_tail
from fanscribe.client.sessions import kill_session

_POLL_S = 0.05


class LocalStackError(Exception):
    """The local stack cannot be started, or lost a part that it needs."""


class ServiceProcess:
    """A running `python -m fanscribe.SERVICE`. Its standard error goes to `log_path`.

    It leads a session of its own, so that Ctrl-C on the terminal reaches only its parent; if that
    dies, the kernel sends it SIGTERM.
    """

    def __init__(self, name: str, log_path: Path, process: asyncio.subprocess.Process) -> None:
        self.name = name
        self.log_path = log_path
        self.addresses: Mapping[str, str] = {}
        """What it logged when it was ready, by field: `address`, `metrics_address`, ..."""
        self.stopping = False
        """Whether it was asked to end; otherwise its end is a failure."""
        self._process = process

    @classmethod
    async def start(
        cls, name: str, module: str, environment: Mapping[str, str], log_path: Path
    ) -> Self:
        """Start `module` with `environment` on top of this process's own."""
        with log_path.open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-I", "-S", tether.__file__, str(os.getpid())),
                # -P: a folder named fanscribe where the command runs must not stand in for ours.
                *(sys.executable, "-P", "-m", module),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **environment},
                start_new_session=True,
            )
        return cls(name, log_path, process)

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    @property
    def address(self) -> str:
        """Where it answers gRPC, "host:port"."""
        return self.addresses["address"]

    @property
    def metrics_address(self) -> str:
        """Where it serves /metrics, "host:port"."""
        return self.addresses["metrics_address"]

    @property
    def running(self) -> bool:
        """Whether the process is alive."""
        return self._process.returncode is None

    async def wait_until_serving(self, timeout_s: float) -> None:
        """Wait for the log line that says it serves. Raises LocalStackError if it never comes."""
        try:
            async with asyncio.timeout(timeout_s):
                # A file, not a pipe: it is never full, and it outlives this process.
                while not self.addresses:
                    ended = not self.running
                    self.addresses = _serving_line(self.log_path)
                    if ended:
                        raise LocalStackError(self.obituary())
                    await asyncio.sleep(_POLL_S)
        except TimeoutError:
            raise LocalStackError(
                f"{self.name} was not ready within {timeout_s:g} s.\n{self._last_words()}"
            ) from None

    async def wait(self) -> int:
        """Wait for its end; returns the exit status, negative for a signal."""
        return await self._process.wait()

    async def stop(self, grace_s: float) -> None:
        """Ask it to end, and kill it with all it started if it has not after `grace_s`."""
        self.stopping = True
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace_s):
                await self._process.wait()
        await self.kill()

    async def kill(self) -> None:
        """Kill it at once, with all of its session that is left."""
        self.stopping = True
        kill_session(self.pid)
        await self._process.wait()

    def obituary(self) -> str:
        """Tell how it ended and what it logged last."""
        status = self._process.returncode
        if status is not None and status < 0:
            how = f"was ended by {signal.Signals(-status).name}"
        else:
            how = f"ended with status {status}"
        return f"{self.name} {how}.\n{self._last_words()}"

    def _last_words(self) -> str:
        return f"Its log ({self.log_path}) ends with:\n{log_tail(self.log_path)}"


def _serving_line(log_path: Path) -> Mapping[str, str]:
    """Return the text fields of the log's "serving" line; empty if there is none yet."""
    with log_path.open(encoding="utf-8", errors="replace") as log:
        for line in log:
            # Warnings of libraries are no JSON, and a last line may be half written.
            if '"serving"' not in line or not line.endswith("\n"):
                continue
            try:
                record = json.loads(line)
            except json.JSONDecodeError:
                continue
            if isinstance(record, dict) and record.get("message") == "serving":
                return {key: value for key, value in record.items() if isinstance(value, str)}
    return {}
