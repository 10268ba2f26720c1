"""The model repository Triton reads: the committed model, configured for this machine."""

import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Literal, Self

from fanscribe.inference.errors import SetupError
from fanscribe.inference.hearing import Hearing, hearing_of
from fanscribe.inference.settings import InferenceSettings

# The committed configuration ends here; what follows is written for each machine.
MARK: Final = "# ---- What follows differs between machines"

# In a wheel the repository lies in the package, in a checkout two folders up.
_HERE: Final = Path(__file__).parent
_SOURCES: Final = (_HERE / "model_repository", _HERE.parents[1] / "model_repository")
_STAND_IN: Final = _HERE.parents[1] / "model_repository_stand_in"


@dataclass(frozen=True)
class ModelConfig:
    """The part of the configuration that differs between machines."""

    # Folder of the weights; None for the stand-in.
    weights: Path | None
    device: Literal["cpu", "cuda"]
    compute_type: str
    workers: int
    threads: int
    max_batch_size: int
    queue_delay_ms: int
    padding_ms: int
    bucket_ms: int
    group_size: int
    encoder_size: int
    guards: bool
    hearing: Hearing

    @classmethod
    def of(cls, settings: InferenceSettings, weights: Path | None) -> Self:
        """What the settings ask for, with defaults of the device and the weights filled in."""
        return cls(
            weights=weights,
            device=settings.device,
            compute_type=settings.effective_compute_type,
            workers=settings.effective_workers,
            threads=settings.threads,
            max_batch_size=settings.max_batch_size,
            queue_delay_ms=settings.queue_delay_ms,
            padding_ms=settings.padding_ms,
            bucket_ms=settings.bucket_ms,
            group_size=settings.effective_group_size,
            encoder_size=settings.effective_encoder_size,
            guards=settings.guards,
            hearing=hearing_of(settings, weights),
        )

    def render(self) -> str:
        """Write it as text of Triton's ModelConfig."""
        kind = "KIND_GPU" if self.device == "cuda" else "KIND_CPU"
        parameters = {
            "weights": str(self.weights or ""),
            "compute_type": self.compute_type,
            "workers": str(self.workers),
            "threads": str(self.threads),
            "padding_ms": str(self.padding_ms),
            "bucket_ms": str(self.bucket_ms),
            "group_size": str(self.group_size),
            "encoder_size": str(self.encoder_size),
            "guards": "true" if self.guards else "false",
            **{name: str(value) for name, value in asdict(self.hearing).items()},
        }
        entries = ",\n".join(
            f"  {{ key: {_quoted(key)}, value: {{ string_value: {_quoted(value)} }} }}"
            for key, value in parameters.items()
        )
        return (
            f"max_batch_size: {self.max_batch_size}\n"
            "dynamic_batching {\n"
            f"  max_queue_delay_microseconds: {self.queue_delay_ms * 1000}\n"
            "}\n"
            f"instance_group [ {{ kind: {kind}, count: 1 }} ]\n"
            f"parameters [\n{entries}\n]\n"
        )


def build_repository(target: Path, config: ModelConfig) -> None:
    """Write a model repository with the model `whisper` into the new folder `target`."""
    source = next((folder for folder in _SOURCES if folder.is_dir()), None)
    if source is None:
        raise SetupError("this installation lacks the Triton model; install fanscribe again")
    code = source / "whisper" / "1"
    if config.weights is None:
        code = _STAND_IN / "whisper" / "1"
        if not code.is_dir():
            raise SetupError("the stand-in model is for tests; it exists only in a checkout")
    shutil.copytree(code, target / "whisper" / "1", ignore=shutil.ignore_patterns("__pycache__"))
    contract, _, _ = (source / "whisper" / "config.pbtxt").read_text().partition(MARK)
    (target / "whisper" / "config.pbtxt").write_text(contract + config.render())


def _quoted(text: str) -> str:
    """Write `text` as a string of protobuf's text format."""
    return (
        '"'
        + "".join(f"\\{byte:03o}" if _special(byte) else chr(byte) for byte in text.encode())
        + '"'
    )


def _special(byte: int) -> bool:
    return byte in b'"\\' or not 32 <= byte < 127
