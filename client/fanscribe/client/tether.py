"""Runs a command that the kernel ends by SIGTERM when the process that started it dies.

`python tether.py PARENT_PID COMMAND ARGUMENT...`: a file of its own, run before COMMAND in its
place, because code between fork and exec is not safe in a process with gRPC's threads. SIGTERM and
not SIGKILL, because a service that is killed leaves its own children behind.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Ask for the signal, then become the command."""
    parent_pid, *command = sys.argv[1:]
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() != int(parent_pid):
        sys.exit("the parent has died already")
    os.execv(command[0], command)  # noqa: S606  no shell is wanted


if __name__ == "__main__":
    main()
