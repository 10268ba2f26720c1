"""Settings of an orchestrator."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from fanscribe.media.settings import MediaSettings
from fanscribe.orchestrator.discovery.settings import DiscoverySettings
from fanscribe.runtime.tls import (
    UNSET,
    AuthoritiesFile,
    ClientTls,
    ReadableFile,
    TlsServerSettings,
    for_tls,
    key_of,
)
from fanscribe.runtime.tokens import check_tokens


class OrchestratorSettings(DiscoverySettings, MediaSettings, TlsServerSettings):
    """Read from the environment; see `Settings` for the names."""

    # Nominal length of a macro chunk where the caller does not say.
    macro_chunk_size_sec: int = Field(default=300, ge=30, le=3600)
    # Greatest length of a micro chunk where the caller does not say.
    micro_chunk_size_sec: int = Field(default=20, ge=5, le=30)
    # A macro boundary is moved to a pause at most this far away.
    boundary_reach_s: float = Field(default=8, ge=0, le=30)
    # Boundaries of one recording that are looked for at a time.
    boundary_searches: int = Field(default=2, ge=1, le=64)
    # Macro chunks of one recording that are planned before a splitter has room for them.
    planned_chunks: int = Field(default=64, ge=1)
    # Jobs at a time; more are refused.
    # Jobs at a time; more are refused. One that waits takes up to a quarter of a megabyte.
    max_jobs: int = Field(default=256, ge=1)
    # Attempts at one macro chunk, in a row and without any text of it, before the job fails.
    chunk_attempts: int = Field(default=4, ge=1, le=20)
    # How long one attempt at a macro chunk may take before it is given to another splitter.
    # One at a recording that is decoded in one go may take so long without any text of it.
    chunk_timeout_s: float = Field(default=900, gt=0)
    # How long a job waits while no splitter at all is connected: time for one to be started.
    splitter_wait_s: float = Field(default=60, ge=0)

    # Tokens of those who may call, one a line. Without it, everybody may who reaches the port.
    tokens_file: Annotated[Path, AfterValidator(check_tokens)] | None = None

    # Authorities of the splitters' certificates; with it, splitters are called by TLS.
    splitter_ca_file: AuthoritiesFile | None = None
    # What splitters are shown that want callers' certificates, and its key.
    splitter_cert_file: Annotated[ReadableFile | None, for_tls("splitter_ca_file")] = UNSET
    splitter_key_file: Annotated[ReadableFile | None, key_of("splitter_cert_file")] = UNSET
    # The name that the splitters' certificates must have. Empty: the name of their Service, where
    # they are found by it, as their own addresses change; otherwise the host in `splitters`.
    splitter_server_name: str = ""

    @property
    def splitter_tls(self) -> ClientTls | None:
        """How splitters are called; None: in plain text."""
        if self.splitter_ca_file is None:
            return None
        service = "" if self.discovery == "static" else self.splitter_host
        return ClientTls(
            self.splitter_ca_file,
            self.splitter_cert_file,
            self.splitter_key_file,
            self.splitter_server_name or service,
        )
