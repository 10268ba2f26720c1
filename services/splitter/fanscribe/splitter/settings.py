"""Settings of a splitter."""

from typing import Annotated

from pydantic import Field

from fanscribe.media.settings import MediaSettings
from fanscribe.runtime.tls import (
    UNSET,
    AuthoritiesFile,
    ClientTls,
    ReadableFile,
    TlsServerSettings,
    for_tls,
    key_of,
)


class SplitterSettings(MediaSettings, TlsServerSettings):
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

    # Authorities of Triton's certificate; with it, Triton is called by TLS.
    inference_ca_file: AuthoritiesFile | None = None
    # What a Triton is shown that wants callers' certificates, and its key.
    inference_cert_file: Annotated[ReadableFile | None, for_tls("inference_ca_file")] = UNSET
    inference_key_file: Annotated[ReadableFile | None, key_of("inference_cert_file")] = UNSET
    # The name that Triton's certificate must have. Empty: the host in `inference_address`.
    inference_server_name: str = ""

    @property
    def inference_tls(self) -> ClientTls | None:
        """How Triton is called; None: in plain text."""
        if self.inference_ca_file is None:
            return None
        return ClientTls(
            self.inference_ca_file,
            self.inference_cert_file,
            self.inference_key_file,
            self.inference_server_name,
        )
