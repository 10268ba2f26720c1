"""The folder of one run, and clearing up after runs that were killed."""

import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_PREFIX: Final = "fanscribe-inference-"
_SHARED_MEMORY: Final = Path("/dev/shm")  # noqa: S108  where Linux keeps it


@contextmanager
def run_folder() -> Iterator[Path]:
    """Make a folder for this run; on leaving, it and its shared memory are removed.

    The name of the folder is the prefix of the run's shared memory regions. A lock tells the folder
    of a living run from one whose process was killed; those are removed first.
    """
    _remove_leftovers()
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    with _lock_file(folder).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            yield folder
        finally:
            _remove(folder)


def _remove_leftovers() -> None:
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        try:
            with _lock_file(folder).open() as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _remove(folder)
        except (FileNotFoundError, PermissionError, BlockingIOError):
            continue  # removed by another start, another user's, or alive


def _remove(folder: Path) -> None:
    for region in _SHARED_MEMORY.glob(f"{folder.name}*"):
        region.unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)


def _lock_file(folder: Path) -> Path:
    return folder / "lock"
