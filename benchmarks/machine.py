"""The machine and the software that figures come from."""

import os
import platform
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import psutil

from fanscribe.runtime.settings import PREFIX

_PACKAGES = ("fanscribe", "faster-whisper", "ctranslate2", "nvidia-pytriton", "onnxruntime")


@dataclass(frozen=True)
class Machine:
    """Where and when something was measured."""

    time: str  # ISO 8601, UTC
    cpu: str
    cores: int  # that this process may use
    memory_bytes: int
    python: str
    packages: dict[str, str]  # versions
    settings: dict[str, str]  # of fanscribe, where the environment differs from the defaults


def this_machine() -> Machine:
    """Describe this machine, now."""
    return Machine(
        time=datetime.now(UTC).isoformat(timespec="seconds"),
        cpu=_cpu_name(),
        cores=len(os.sched_getaffinity(0)),
        memory_bytes=psutil.virtual_memory().total,
        python=platform.python_version(),
        packages={package: version(package) for package in _PACKAGES},
        settings={key: value for key, value in os.environ.items() if key.startswith(PREFIX)},
    )


def _cpu_name() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
