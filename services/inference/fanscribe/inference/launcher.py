"""Triton as a child process: started, watched, stopped."""

import asyncio
import contextlib
import ctypes
import logging
import math
import os
import re
import signal
import socket
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fanscribe.inference.connections import connection_arguments, tls_arguments
from fanscribe.inference.errors import TritonError
from fanscribe.runtime.server import Bind
from fanscribe.runtime.tls import ServerTls

_log = logging.getLogger(__name__)
_triton_log = logging.getLogger("triton")

_LEVELS: Final = {
    "I": logging.INFO,
    "W": logging.WARNING,
    "E": logging.ERROR,
    "F": logging.CRITICAL,
}
# "I1122 15:49:04.123456 4711 server.cc:283] ..."
_GLOG_LINE: Final = re.compile(r"([IWEF])\d{4} [\d:.]+ \d+ ([\w.]+:\d+)\] ?(.*)")
_LAST_LINES: Final = 15
_LONGEST_LINE_BYTES: Final = 1024 * 1024
# For log lines on their way when it has ended.
_LAST_WORDS_S: Final = 1.0
# Beyond Triton's own time limit for stopping, before it is killed.
_STOP_MARGIN_S: Final = 5.0
_READY_POLL_S: Final = 0.1
_PROBE_S: Final = 2.0
_PR_SET_PDEATHSIG: Final = 1


@dataclass(frozen=True)
class Endpoints:
    """Where Triton listens."""

    grpc: Bind
    http: Bind
    metrics: Bind


@dataclass(frozen=True)
class TritonCommand:
    """What to run: the server, its folders, where it listens."""

    binary: Path
    environment: Mapping[str, str]
    repository: Path
    backends: Path
    shared_memory_prefix: str
    on_gpu: bool
    endpoints: Endpoints
    drain_s: float
    tls: ServerTls | None
    connection_age_s: float

    def arguments(self) -> list[str]:
        """Command line of the server."""
        ends = self.endpoints
        return [
            str(self.binary),
            f"--model-repository={self.repository}",
            f"--backend-directory={self.backends}",
            f"--backend-config=python,shm-region-prefix-name={self.shared_memory_prefix}",
            f"--grpc-address={ends.grpc.host}",
            f"--grpc-port={ends.grpc.port}",
            f"--http-address={ends.http.host}",
            f"--http-port={ends.http.port}",
            f"--metrics-address={ends.metrics.host}",
            f"--metrics-port={ends.metrics.port}",
            f"--exit-timeout-secs={math.ceil(self.drain_s)}",
            "--strict-readiness=true",
            "--log-verbose=0",
            # Its poll of the CPU would hold up the end by up to a second.
            "--allow-cpu-metrics=false",
            *connection_arguments(self.connection_age_s),
            *tls_arguments(self.tls),
            # Without them Triton looks for a GPU, and complains.
            *([] if self.on_gpu else ["--pinned-memory-pool-byte-size=0", "--allow-gpu-metrics=0"]),
        ]


class Triton:
    """A running server."""

    def __init__(self, process: asyncio.subprocess.Process, drain_s: float) -> None:
        self._process = process
        self._drain_s = drain_s
        self._last_lines: deque[str] = deque(maxlen=_LAST_LINES)
        self._ended = asyncio.create_task(process.wait())
        self._log = asyncio.create_task(self._pass_on_log())

    async def _pass_on_log(self) -> None:
        """Log every line the server writes, until it ends."""
        assert self._process.stdout is not None  # noqa: S101  it was asked for
        async for raw in self._process.stdout:
            line = raw.decode(errors="replace").rstrip()
            if line:
                self._last_lines.append(line)
                _log_line(line)

    async def wait_ready(self, endpoints: Endpoints, timeout_s: float) -> None:
        """Wait until it answers that it is ready, and tells its metrics, which comes last.

        Raises TritonError if it ends or takes longer.
        """
        try:
            async with asyncio.timeout(timeout_s):
                while not (
                    await _answers(endpoints.http, "/v2/health/ready")
                    and await _answers(endpoints.metrics, "/metrics")
                ):
                    if self._process.returncode is not None:
                        raise await self._failed("did not start")
                    await asyncio.sleep(_READY_POLL_S)
        except TimeoutError:
            raise await self._failed(f"was not ready within {timeout_s:g} s") from None

    async def wait_ended(self) -> None:
        """Wait until it ends; always raises TritonError, because it should not."""
        await asyncio.shield(self._ended)
        raise await self._failed("stopped by itself")

    async def stop(self) -> None:
        """Let it finish the requests it has, queued ones too, then end it with all its children."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)
        limit_s = self._drain_s + _STOP_MARGIN_S
        ended, _ = await asyncio.wait({self._ended}, timeout=limit_s)
        if not ended:
            _log.warning("Triton did not stop within %g s; killing it", limit_s)
        with contextlib.suppress(ProcessLookupError):
            # The stubs of its models are in its process group.
            os.killpg(self._process.pid, signal.SIGKILL)
        await self._ended
        await self._log

    async def _failed(self, what: str) -> TritonError:
        # Its last words may still be in the pipe.
        await asyncio.wait({self._log}, timeout=_LAST_WORDS_S)
        said = "\n".join(self._last_lines)
        return TritonError(f"Triton {what} (exit code {self._process.returncode}):\n{said}")


@asynccontextmanager
async def running_triton(command: TritonCommand) -> AsyncIterator[Triton]:
    """Run the server while inside, in a process group of its own.

    It ends with this process, however that ends.
    """
    process = await asyncio.create_subprocess_exec(
        *command.arguments(),
        env=dict(command.environment),
        stdin=asyncio.subprocess.DEVNULL,
        limit=_LONGEST_LINE_BYTES,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        process_group=0,
        preexec_fn=_die_with_parent(os.getpid()),
    )
    triton = Triton(process, command.drain_s)
    try:
        yield triton
    finally:
        await triton.stop()


def _die_with_parent(parent: int) -> Callable[[], None]:
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def ask_kernel() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before we asked
            os._exit(1)

    return ask_kernel


def free_ports(host: str, wanted: list[int]) -> list[int]:
    """Replace every 0 in `wanted` by a port that is free now, all of them different."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with contextlib.ExitStack() as held:
        # Held until all are chosen, so that they differ.
        probes = [held.enter_context(socket.socket(family)) for _ in wanted]
        for probe in probes:
            probe.bind((host, 0))
        return [port or probe.getsockname()[1] for port, probe in zip(wanted, probes, strict=True)]


async def _answers(server: Bind, path: str) -> bool:
    """Ask for a page, as a load balancer would."""
    try:
        async with asyncio.timeout(_PROBE_S):
            reader, writer = await asyncio.open_connection(server.host, server.port)
            try:
                writer.write(f"GET {path} HTTP/1.0\r\n\r\n".encode())
                status = await reader.readline()
            finally:
                writer.close()
                await writer.wait_closed()
    except OSError:
        return False
    return b" 200 " in status


def _log_line(line: str) -> None:
    if line.startswith(("+", "|")):  # tables of settings
        _triton_log.debug("%s", line)
    elif match := _GLOG_LINE.fullmatch(line):
        letter, place, message = match.groups()
        fields = {"fields": {"place": place}}
        _triton_log.log(_LEVELS[letter], "%s", message.strip('"'), extra=fields)
    else:
        _triton_log.info("%s", line)
