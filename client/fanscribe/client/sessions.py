"""Sessions of processes, as Linux shows them under /proc."""

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path


def kill_session(session: int) -> None:
    """Kill every process of a session, whatever process groups they made.

    Its members cannot leave it but by opening one of their own.
    """
    # Again, until no member was there to fork another in the meantime.
    while members := list(_living_members(session)):
        for pid in members:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _living_members(session: int) -> Iterator[int]:
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            stat = (entry / "stat").read_text(encoding="ascii", errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            continue
        # "pid (command) state parent group session ..."; a command may hold spaces and brackets.
        state, _, _, own_session = stat.rpartition(")")[2].split()[:4]
        if int(own_session) == session and state not in ("Z", "X"):
            yield int(entry.name)
