"""What a process and all its descendants use: memory, CPU time."""

import sys
from collections import Counter

import psutil


class ProcessTree:
    """A process and everything it started, whatever that is at the moment of asking."""

    def __init__(self, pid: int) -> None:
        self._root = psutil.Process(pid)

    def pss_bytes(self) -> Counter[str]:
        """Proportional set size by process name; memory that processes share counts once."""
        used: Counter[str] = Counter()
        for process in self._processes():
            try:
                used[_name(process)] += process.memory_full_info().pss
            except psutil.NoSuchProcess:
                continue  # it ended while the others were looked at
        return used

    def cpu_s(self) -> float:
        """CPU time so far, that of descendants that ended included."""
        total_s = 0.0
        for process in self._processes():
            try:
                times = process.cpu_times()
            except psutil.NoSuchProcess:
                continue  # its parent has its time now
            total_s += times.user + times.system + times.children_user + times.children_system
        return total_s

    def _processes(self) -> list[psutil.Process]:
        try:
            return [self._root, *self._root.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []


def machine_cpu_s() -> float:
    """CPU time that all of this machine's processes have used so far."""
    times = psutil.cpu_times()
    return times.user + times.nice + times.system + times.irq + times.softirq + times.steal


def _name(process: psutil.Process) -> str:
    """Name of a program, or of the module that Python runs."""
    command = process.cmdline()
    if command[:1] == [sys.executable] and "-m" in command[:-1]:
        return command[command.index("-m") + 1]
    return process.name()
