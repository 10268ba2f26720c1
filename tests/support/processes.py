"""What the processes of a stack leave behind, use, and say."""

import asyncio
import json
import os
import re
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

_RUN_S = 60
_QUIET_S = 0.5
_MEDIA_PROGRAMS = ("ffmpeg", "ffprobe", "setpriv")


@dataclass(frozen=True)
class Ended:
    """A process that has ended."""

    status: int
    stderr: str


async def run_module(module: str, environment: Mapping[str, str]) -> Ended:
    """Run `python -m module` with `environment` on top of ours until it ends by itself."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module),
        stdin=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **environment},
    )
    try:
        async with asyncio.timeout(_RUN_S):
            _, stderr = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return Ended(process.returncode, stderr.decode())


def media_processes(pid: int) -> list[psutil.Process]:
    """The ffmpeg and ffprobe processes that `pid` runs now."""
    try:
        children = psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []
    return [child for child in children if _alive(child) and _name(child) in _MEDIA_PROGRAMS]


def all_gone(processes: list[psutil.Process]) -> bool:
    """Whether none of these runs any more."""
    return not any(_alive(process) for process in processes)


class Quiet:
    """Tells whether a process and those under it have stopped computing."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self._looked_s, self._used_s = time.monotonic(), self._cpu_s()

    def holds(self) -> bool:
        """Whether they used next to no processor since this was asked last."""
        passed_s = time.monotonic() - self._looked_s
        if passed_s < _QUIET_S:
            return False
        used_s, before_s = self._cpu_s(), self._used_s
        self._looked_s, self._used_s = time.monotonic(), used_s
        return used_s - before_s < 0.05 * passed_s

    def _cpu_s(self) -> float:
        times = [one.cpu_times() for one in self._process.children(recursive=True)]
        return sum(spent.user + spent.system for spent in times)


def peak_memory_bytes(pid: int) -> int:
    """The most memory that `pid` ever had resident."""
    status = Path(f"/proc/{pid}/status").read_text()
    match = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    assert match is not None
    return int(match[1]) * 1024


def log_records(path: Path) -> list[dict[str, Any]]:
    """The lines of a log; each must be a JSON object."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def _alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _name(process: psutil.Process) -> str:
    try:
        return process.name()
    except psutil.NoSuchProcess:
        return ""
