"""What files hold, taken anew whenever they change: secrets are renewed while processes run."""

import logging
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Generic, TypeVar

_log = logging.getLogger(__name__)

T = TypeVar("T")
# Of each file: time, inode, size. A secret that Kubernetes mounts is a new file with each change.
_State = tuple[tuple[int, int, int] | None, ...]


class Reloaded(Generic[T]):
    """The value that `load` makes of `files`, which belong together.

    Asking costs a look at the files' times. While they cannot be read or make no sense (`load`
    raises OSError or ValueError), what they held before counts on, and the log says so, once for
    each change. Raises what `load` raises if they are no good to begin with. May be asked by any
    thread.
    """

    def __init__(self, files: Iterable[Path], load: Callable[[], T]) -> None:
        self._files = tuple(files)
        self._load = load
        # Before loading: a change in the meantime is a change.
        state = self._look()
        self._taken = state, load()
        self._complained_of: _State | None = None

    def current(self) -> T:
        """Return what the files hold now."""
        state = self._look()
        known, value = self._taken
        if state == known:
            return value
        try:
            value = self._load()
        except (OSError, ValueError) as error:
            self._complain(state, error)
            return value
        if self._look() != state:
            return self._taken[1]  # in the middle of a change; the next time will tell
        self._taken = state, value
        self._complained_of = None
        _log.info("files taken anew", extra={"fields": {"files": self._names}})
        return value

    @property
    def _names(self) -> list[str]:
        return [str(file) for file in self._files]

    def _complain(self, state: _State, error: OSError | ValueError) -> None:
        if state != self._complained_of:
            self._complained_of = state
            fields = {"files": self._names}
            _log.error("keeping what the files held before: %s", error, extra={"fields": fields})

    def _look(self) -> _State:
        return tuple(_state_of(file) for file in self._files)


def _state_of(file: Path) -> tuple[int, int, int] | None:
    try:
        stat = file.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_ino, stat.st_size
