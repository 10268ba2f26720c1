"""The weights that all peers of a benchmark use."""

from dataclasses import dataclass
from pathlib import Path

from fanscribe.inference.digests import sha256_of
from fanscribe.inference.settings import InferenceSettings
from fanscribe.inference.weights import resolve_weights


@dataclass(frozen=True)
class Weights:
    """A Whisper model in CTranslate2's format."""

    name: str
    folder: Path
    sha256: str  # of model.bin


def find_weights(name: str) -> Weights:
    """Find `tiny.en`, `base`, or a folder. Raises SetupError."""
    cache_dir = InferenceSettings().cache_dir.expanduser()
    folder = resolve_weights(name, cache_dir)
    return Weights(name, folder, sha256_of(folder / "model.bin", cache_dir))
