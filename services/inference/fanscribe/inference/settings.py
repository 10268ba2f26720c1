"""Settings of the local inference service."""

import os
from pathlib import Path
from typing import Literal

from pydantic import Field

from fanscribe.inference.cores import available_cores
from fanscribe.runtime.tls import TlsServerSettings


class InferenceSettings(TlsServerSettings):
    """How to run Triton and which weights it serves."""

    # "tiny.en" or "base" (weights from the package index), a folder, or "owner/name@revision" of
    # the Hugging Face Hub. "stand-in" answers without a model, for tests.
    model: str = Field(default="tiny.en", min_length=1)
    # SHA-256 that model.bin must have, in hexadecimal. Empty: the one known for the model's source.
    model_sha256: str = Field(default="", pattern=r"^([0-9a-f]{64})?$")
    # Where joined weights and the digests already computed are kept.
    cache_dir: Path = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")) / "fanscribe"

    # Address to listen on.
    host: str = "0.0.0.0"  # noqa: S104  a service in a cluster
    # Ports of gRPC, HTTP and Prometheus metrics; 0 picks a free one.
    port: int = Field(default=8001, ge=0, le=65535)
    http_port: int = Field(default=8000, ge=0, le=65535)
    metrics_port: int = Field(default=8002, ge=0, le=65535)

    # Connections are closed when they are so old, in seconds, so that clients find replicas that
    # have come since; what runs on them goes on. 0: never.
    connection_age_s: float = Field(default=15.0, ge=0)

    # Triton reads its certificate once: it is started anew within so many seconds after the files
    # have changed, at a time of its own, so that several replicas do not go at once.
    tls_restart_within_s: float = Field(default=600.0, ge=0)

    device: Literal["cpu", "cuda"] = "cpu"
    # Number format of CTranslate2. Empty: int8 on the CPU, float16 on a GPU.
    compute_type: str = ""
    # Batches worked on at a time, with one copy of the weights. 0: one for each core that this
    # process may use; two on a GPU, of which one is prepared while the other is computed.
    workers: int = Field(default=0, ge=0, le=64)
    # Threads of each worker on the CPU. Several workers of one thread beat one of several threads.
    threads: int = Field(default=1, ge=1, le=64)
    # Windows that Triton hands over at a time at most.
    max_batch_size: int = Field(default=16, ge=1, le=128)
    # How long a window waits for company before it is handed over, in milliseconds.
    queue_delay_ms: int = Field(default=20, ge=0, le=10_000)
    # Windows decoded together at most. 0: 12 on the CPU, as many as a batch has on a GPU.
    group_size: int = Field(default=0, ge=0, le=128)
    # Windows the encoder takes at a time. 0: one on the CPU, all of a group on a GPU.
    encoder_size: int = Field(default=0, ge=0, le=128)
    # Silence added to each window at least, in milliseconds.
    padding_ms: int = Field(default=1_000, ge=0, le=30_000)
    # Windows are padded to a multiple of this, in milliseconds: less waste or larger batches.
    bucket_ms: int = Field(default=2_500, ge=1_000, le=30_000, multiple_of=20)

    # Whether windows are held to account for the speech in them, and decoded again where they fail.
    guards: bool = True
    # English text of a lower average log-probability is decoded again with beams; 0: with beams at
    # once. Unset: what suits the weights, -0.4 for tiny.en and -0.5 for others.
    sure_logprob: float | None = Field(default=None, le=0)
    # Samples from frame to frame of the spectrograms: 160 as Whisper was trained, more to let
    # speech sound faster. Unset: what suits the weights, 168 for tiny.en and 160 for others.
    hop_samples: int | None = Field(default=None, ge=160, le=200)
    # How many beams, wherever text is not decoded greedily. Unset: 5.
    beams: int | None = Field(default=None, ge=2, le=32)
    # The same for other languages. Unset: 0, 170 and 12 for base, -0.3, 160 and 5 for others.
    foreign_sure_logprob: float | None = Field(default=None, le=0)
    foreign_hop_samples: int | None = Field(default=None, ge=160, le=200)
    foreign_beams: int | None = Field(default=None, ge=2, le=32)

    # How long Triton may take to load the model, in seconds.
    startup_s: float = Field(default=120.0, gt=0)
    # How long Triton may take to finish what it has when it is told to stop, in seconds.
    drain_s: float = Field(default=20.0, ge=0)
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @property
    def effective_compute_type(self) -> str:
        """Number format, with the device's default filled in."""
        return self.compute_type or ("float16" if self.device == "cuda" else "int8")

    @property
    def effective_group_size(self) -> int:
        """Windows decoded together at most, with the device's default filled in."""
        return self.group_size or (self.max_batch_size if self.device == "cuda" else 12)

    @property
    def effective_encoder_size(self) -> int:
        """Windows the encoder takes at a time, with the device's default filled in."""
        return self.encoder_size or (self.effective_group_size if self.device == "cuda" else 1)

    @property
    def effective_workers(self) -> int:
        """Number of workers, with the device's default filled in."""
        return self.workers or (
            2 if self.device == "cuda" else max(1, available_cores() // self.threads)
        )
