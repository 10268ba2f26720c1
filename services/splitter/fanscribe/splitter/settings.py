"""Settings of a splitter."""

from pydantic import Field

from fanscribe.media.settings import MediaSettings


class SplitterSettings(MediaSettings):
    """Read from the environment; see `Settings` for the names."""

    # Where Triton's gRPC endpoint is, as host:port or a gRPC name such as dns:///triton:8001.
    inference_address: str = "localhost:8001"
    # Name of the model on Triton.
    inference_model: str = "whisper"
    # How long one micro chunk may take on Triton, queueing included.
    inference_timeout_s: float = Field(default=120, gt=0)
    # How long a micro chunk waits for a Triton that cannot be reached.
    inference_wait_s: float = Field(default=30, ge=0)
    # Micro chunks on Triton at a time, for all macro chunks together. Bounds memory: each holds at
    # most 30 s of audio, 960 kB.
    inference_in_flight: int = Field(default=32, ge=1, le=1024)
    # Macro chunks worked on at a time.
    slots: int = Field(default=2, ge=1, le=256)
