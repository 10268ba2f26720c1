"""Where a local stack keeps its logs: a folder of its own, the last few of them kept."""

import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

# Folders of earlier stacks that stay for reading.
_KEPT = 10


def new_log_directory() -> Path:
    """Make a folder for the logs of one stack under $XDG_STATE_HOME, and drop the oldest ones."""
    state = os.environ.get("XDG_STATE_HOME", "")
    # The XDG specification says to ignore relative paths.
    home = Path(state) if Path(state).is_absolute() else Path.home() / ".local" / "state"
    parent = home / "fanscribe" / "stacks"
    started = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    directory = parent / f"{started}-{os.getpid()}"
    directory.mkdir(parents=True, exist_ok=True)
    _drop_oldest(parent)
    return directory


def _drop_oldest(parent: Path) -> None:
    for directory in sorted(parent.iterdir())[:-_KEPT]:
        pid = directory.name.rpartition("-")[2]
        if not Path(f"/proc/{pid}").exists():
            shutil.rmtree(directory, ignore_errors=True)
