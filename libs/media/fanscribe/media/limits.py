"""How long, how often and how much: every bound of reading recordings in one place."""

import math
from dataclasses import dataclass, replace
from typing import Self

KIB = 1024
MIB = 1024 * KIB


@dataclass(frozen=True)
class MediaLimits:
    """Bounds for reading one recording. The defaults suit recordings of up to ten hours."""

    # Requests to the media host.
    connect_timeout_s: float = 10.0  # for name, connection and TLS handshake together
    stall_timeout_s: float = 20.0  # without a single byte, before the head or in the body
    least_bytes_per_s: int = 4 * KIB  # or else the host is too slow, in a window of waiting for it
    pace_window_s: float = 20.0
    name_kept_s: int = 10  # the addresses of a name, before it is looked up again
    attempts: int = 5  # in a row without a byte gained; then the host counts as unavailable
    backoff_s: float = 0.2  # before the second attempt; doubles with each one after it
    backoff_max_s: float = 5.0
    retry_after_max_s: float = 30.0  # a host that asks for more time gets this much

    # One reading: a probe, or the extraction of one span.
    probe_deadline_s: float = 120.0
    scan_deadline_s: float = 3600.0  # of one pass over a whole recording
    extract_deadline_s: float = 300.0  # spent waiting for audio; the consumer's time is its own
    requests_floor: int = 1_000  # may be sent to the media host whatever the recording's size
    bytes_per_request: int = 256 * KIB  # beside that, a request for each so many of its bytes
    ffmpeg_memory_bytes: int = 2048 * MIB  # address space; libraries alone take some 350 MiB
    ffmpeg_requests: int = 2_000  # asked of the gateway; a demuxer gone mad asks without end
    fetched_bytes_floor: int = 32 * MIB  # may be fetched whatever the size of the recording
    fetched_bytes_per_byte: float = 3.0  # beside that, for each byte of the recording

    # Fetching: blocks start small and grow with what is read in sequence.
    block_min_bytes: int = 64 * KIB
    block_max_bytes: int = 4 * MIB
    ahead_from_bytes: int = 8 * MIB  # read in sequence: then the next block is fetched early
    block_growth: float = 0.125  # of what was read in sequence so far: bounds what is over-read

    # Container indexes, read again for every span, lie at the edges of a recording.
    cache_bytes: int = 64 * MIB  # kept in the process, for all recordings together; 0 keeps none
    cache_edge_bytes: int = 8 * MIB  # of each end of a recording

    # What comes out.
    shortfall_tolerance_ms: int = 100  # filled with silence at the end of a span; beyond: an error
    damage_tolerance_ms: int = 1000  # the same, where something could not be decoded

    def for_whole(self) -> Self:
        """Return the bounds of a recording that is decoded in one go, however long it is."""
        return replace(self, extract_deadline_s=max(self.extract_deadline_s, self.scan_deadline_s))

    def fetched_bytes(self, size_bytes: int) -> int:
        """Bytes that one reading of a recording of `size_bytes` may fetch."""
        return self.fetched_bytes_floor + round(self.fetched_bytes_per_byte * size_bytes)

    @property
    def ffmpeg_cpu_s(self) -> int:
        """CPU time of one ffmpeg: it has one thread, so no more than it may be waited for."""
        return math.ceil(max(self.probe_deadline_s, self.extract_deadline_s))

    def requests(self, size_bytes: int) -> int:
        """Requests that one reading of a recording of `size_bytes` may send."""
        return self.requests_floor + size_bytes // self.bytes_per_request
