"""Settings of every service that reads recordings."""

import ssl
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from fanscribe.media.limits import MIB, MediaLimits
from fanscribe.media.policy import SCHEMES, SourcePolicy, host_pattern
from fanscribe.runtime.settings import CommaSeparated, ServiceSettings


def _check_certificates(path: Path) -> Path:
    try:
        ssl.create_default_context().load_verify_locations(path)
    except OSError as error:  # ssl.SSLError is one
        raise ValueError(f"{path} holds no certificates that can be read (PEM)") from error
    return path


Network = IPv4Network | IPv6Network
HostPattern = Annotated[str, AfterValidator(host_pattern)]
_DEFAULTS = MediaLimits()


class MediaSettings(ServiceSettings):
    """Which recordings may be read, and within which bounds; lists are separated by commas.

    What one process may read, every other must be allowed to as well: give all of them the same.
    """

    # Networks that recordings may come from although they are not public, in CIDR notation
    # ("10.1.0.0/16,::1/128").
    media_allowed_networks: CommaSeparated[Network] = ()
    # Networks that they may not come from, public or not: a cluster's own pods and services.
    media_denied_networks: CommaSeparated[Network] = ()
    # Hosts that they may come from: names, or suffixes such as ".example.com". None: from all.
    media_allowed_hosts: CommaSeparated[HostPattern] = ()
    # Hosts that they may not come from.
    media_denied_hosts: CommaSeparated[HostPattern] = ()
    # Schemes of their URLs; "https" alone requires it, of redirects as well.
    media_schemes: CommaSeparated[Literal["http", "https"]] = Field(default=SCHEMES, min_length=1)
    # Redirects followed for one request.
    media_max_redirects: int = Field(default=5, ge=0, le=20)
    # File of certificates (PEM) that are trusted beside those of the system.
    media_ca_file: Annotated[Path, AfterValidator(_check_certificates)] | None = None

    # How long a probe may take.
    media_probe_deadline_s: float = Field(default=_DEFAULTS.probe_deadline_s, gt=0)
    # How long the extraction of one span may wait for audio.
    media_extract_deadline_s: float = Field(default=_DEFAULTS.extract_deadline_s, gt=0)
    # How long a media host may send nothing at all.
    media_stall_timeout_s: float = Field(default=_DEFAULTS.stall_timeout_s, gt=0)
    # Bytes that a media host has to send in a second, in the mean of the window; 0: any.
    media_least_bytes_per_s: int = Field(default=_DEFAULTS.least_bytes_per_s, ge=0)
    # Time spent waiting for the host over which that is judged.
    media_pace_window_s: float = Field(default=_DEFAULTS.pace_window_s, gt=0)
    # Attempts in a row without a byte gained, before a media host counts as unavailable.
    media_attempts: int = Field(default=_DEFAULTS.attempts, ge=1, le=20)
    # What one reading may fetch beside 32 MiB, in bytes for each byte of the recording.
    media_fetched_bytes_per_byte: float = Field(default=_DEFAULTS.fetched_bytes_per_byte, ge=1)
    # Indexes of recordings kept in memory, in all; 0 keeps none.
    media_cache_bytes: int = Field(default=_DEFAULTS.cache_bytes, ge=0)
    # Address space of one ffmpeg.
    media_ffmpeg_memory_bytes: int = Field(default=_DEFAULTS.ffmpeg_memory_bytes, ge=512 * MIB)

    def source_policy(self) -> SourcePolicy:
        """Which URLs may be fetched."""
        return SourcePolicy(
            allowed_networks=self.media_allowed_networks,
            denied_networks=self.media_denied_networks,
            allowed_hosts=self.media_allowed_hosts,
            denied_hosts=self.media_denied_hosts,
            schemes=self.media_schemes,
            max_redirects=self.media_max_redirects,
            ca_file=self.media_ca_file,
        )

    def media_limits(self) -> MediaLimits:
        """The bounds of every reading."""
        return MediaLimits(
            probe_deadline_s=self.media_probe_deadline_s,
            extract_deadline_s=self.media_extract_deadline_s,
            stall_timeout_s=self.media_stall_timeout_s,
            least_bytes_per_s=self.media_least_bytes_per_s,
            pace_window_s=self.media_pace_window_s,
            attempts=self.media_attempts,
            fetched_bytes_per_byte=self.media_fetched_bytes_per_byte,
            cache_bytes=self.media_cache_bytes,
            ffmpeg_memory_bytes=self.media_ffmpeg_memory_bytes,
        )
