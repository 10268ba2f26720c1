"""Which Python runs a peer: the project's own, or one apart for what clashes with it."""

import sys
from pathlib import Path
from typing import Final

from benchmarks.peers import WHISPERX

ROOT: Final = Path(__file__).parents[1]
# WhisperX needs numpy >= 2, Triton's wheel an older one. `make bench-peers` sets this up.
_WHISPERX: Final = ROOT / ".venv-whisperx" / "bin" / "python"


class MissingPeerError(Exception):
    """A peer's environment was not set up."""


def interpreter(peer: str) -> Path:
    """Python of `peer`. Raises MissingPeerError."""
    if peer != WHISPERX:
        return Path(sys.executable)
    if not _WHISPERX.exists():
        raise MissingPeerError(f"{peer} is not installed: run `make bench-peers`")
    return _WHISPERX
