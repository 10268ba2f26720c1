"""Measures how recordings are read: in spans against a full decode, and one span of many hours."""

import asyncio
import resource
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.media_host import MediaHost, Served
from fanscribe.media.access import MediaAccess
from fanscribe.media.timeline import SAMPLE_RATE
from fanscribe.orchestrator.planner import MacroChunk
from fanscribe.runtime.errors import FanscribeError, domain_error
from tests.support.audio import decode_parts
from tests.support.comparison import Comparison, compare
from tests.support.formats import Format, truth
from tests.support.policies import LOOPBACK
from tests.support.spans import Plan, extract_all, extract_chunk, plan

MACRO_S: Final = 300
REACH_S: Final = 8
_MACRO: Final = MACRO_S * SAMPLE_RATE

# What one span may cost, of its share of the file, once the process knows the index.
SHARE_BOUND: Final = 1.2


@dataclass
class Cost:
    """What a step took."""

    wall_s: float = 0.0
    cpu_s: float = 0.0  # of this process and of ffmpeg
    served: Served = field(default_factory=Served)


@dataclass
class SpansRow:
    """A whole recording, read span by span."""

    name: str
    size_bytes: int
    byte_bound: float
    offset_bound_ms: float
    exactness: str
    probe: Cost = field(default_factory=Cost)
    planning: Cost = field(default_factory=Cost)
    spans: Cost = field(default_factory=Cost)
    alone: Cost = field(default_factory=Cost)  # a span from the middle, in another process
    alone_share: float = 0.0  # of the recording
    chunks: int = 0
    found: Comparison | None = None
    failures: list[str] = field(default_factory=list)  # what does not hold; empty: passed

    @property
    def byte_ratio(self) -> float:
        """All bytes fetched, over the size of the file."""
        costs = (self.probe, self.planning, self.spans)
        return sum(cost.served.bytes_sent for cost in costs) / self.size_bytes

    @property
    def alone_ratio(self) -> float:
        """Bytes fetched for a span in a process of its own, over the span's share of the file."""
        return self.alone.served.bytes_sent / (self.size_bytes * self.alone_share or 1.0)


@dataclass
class LongRow:
    """Single spans of a recording of many hours."""

    name: str
    size_bytes: int
    probe: Cost = field(default_factory=Cost)
    # What a span costs over its fair share, by place. "first" is what another process pays for its
    # first span, with whatever index it needs.
    shares: dict[str, float] = field(default_factory=dict)
    cpu_s: float = 0.0  # of the four spans
    found: Comparison | None = None  # of the four spans together
    failures: list[str] = field(default_factory=list)


async def read_in_spans(wanted: Format, path: Path, size_bytes: int, host: MediaHost) -> SpansRow:
    """Read a recording as a job does: somebody plans, and somebody else extracts, from nothing.

    Then one span as if by a process of its own.
    """
    row = SpansRow(
        name=wanted.name,
        size_bytes=size_bytes,
        byte_bound=wanted.byte_bound,
        offset_bound_ms=wanted.offset_ms,
        exactness=wanted.exactness,
    )
    whole = await asyncio.to_thread(truth, wanted, path)
    try:
        async with MediaAccess(LOOPBACK) as access:
            async with _measured(row.probe, host, wanted.name):
                recording = await access.probe(host.url(wanted.name))
            async with _measured(row.planning, host, wanted.name):
                planned = await plan(access, recording, _MACRO, REACH_S * SAMPLE_RATE)
        async with MediaAccess(LOOPBACK) as splitter, _measured(row.spans, host, wanted.name):
            pieces = await extract_all(splitter, planned)
        middle = planned.chunks[len(planned.chunks) // 2]
        async with MediaAccess(LOOPBACK) as other, _measured(row.alone, host, wanted.name):
            await extract_chunk(other, recording, middle)
        row.alone_share = middle.span.samples / planned.chunks[-1].span.end_sample
    except (FanscribeError, ExceptionGroup) as error:
        row.failures.append(_told(error))
        return row
    row.chunks = len(planned.chunks)
    row.found = compare(np.concatenate(pieces), whole, planned.starts)
    row.failures += _inexact(wanted, row.found)
    if row.byte_ratio > wanted.byte_bound:
        row.failures.append(f"bytes {row.byte_ratio:.2f}x")
    return row


async def read_single_spans(
    wanted: Format, path: Path, size_bytes: int, host: MediaHost
) -> LongRow:
    """Read an early, a middle and a late span of a recording of many hours."""
    row = LongRow(wanted.name, size_bytes)
    try:
        async with MediaAccess(LOOPBACK) as orchestrator, MediaAccess(LOOPBACK) as splitter:
            async with _measured(row.probe, host, wanted.name):
                recording = await orchestrator.probe(host.url(wanted.name))
                # Boundaries on the grid: listening around them has no part in what a span costs.
                planned = await plan(orchestrator, recording, _MACRO, reach_samples=0)
            read = await _one_by_one(row, wanted, planned, splitter, host)
    except (FanscribeError, ExceptionGroup) as error:
        row.failures.append(_told(error))
        return row
    chunks = sorted(read, key=lambda chunk: chunk.index)
    parts = [(chunk.span.start_sample, chunk.span.end_sample) for chunk in chunks]
    whole = np.concatenate(await asyncio.to_thread(decode_parts, path, parts))
    starts = [sum(end - start for start, end in parts[:number]) for number in range(len(parts))]
    row.found = compare(np.concatenate([read[chunk] for chunk in chunks]), whole, starts)
    row.failures += _inexact(wanted, row.found)
    row.failures += [
        f"{place} {share:.2f}x"
        for place, share in row.shares.items()
        if place != "first" and share > SHARE_BOUND
    ]
    return row


async def _one_by_one(
    row: LongRow, wanted: Format, planned: Plan, access: MediaAccess, host: MediaHost
) -> dict[MacroChunk, NDArray[np.int16]]:
    """Extract four chunks and enter what each has cost."""
    count = len(planned.chunks)
    places = {"first": count // 4, "early": 1, "middle": count // 2, "late": count - 2}
    read = {}
    for place, number in places.items():
        chunk, cost = planned.chunks[number], Cost()
        async with _measured(cost, host, wanted.name):
            read[chunk] = await extract_chunk(access, planned.recording, chunk)
        fair_share = chunk.span.samples / planned.chunks[-1].span.end_sample
        row.shares[place] = cost.served.bytes_sent / (row.size_bytes * fair_share)
        row.cpu_s += cost.cpu_s
    return read


@asynccontextmanager
async def _measured(cost: Cost, host: MediaHost, name: str) -> AsyncIterator[None]:
    """Add to `cost` what happens inside."""
    served, wall_s, cpu_s = await host.served(name), time.perf_counter(), _cpu_s()
    try:
        yield
    finally:
        cost.wall_s += time.perf_counter() - wall_s
        cost.cpu_s += _cpu_s() - cpu_s
        cost.served = cost.served.plus((await host.served(name)).since(served))


def _cpu_s() -> float:
    """CPU time of this process and of its children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def _told(error: FanscribeError | ExceptionGroup) -> str:
    found = domain_error(error)
    if found is None:
        raise error
    return f"{found.reason}: {found.message}"


def _inexact(wanted: Format, found: Comparison) -> list[str]:
    """Name the promises on the audio that do not hold."""
    allowed_samples = round(wanted.offset_ms * SAMPLE_RATE / 1000)
    promises = {
        f"{found.lost_samples} samples lost": abs(found.lost_samples) <= allowed_samples,
        f"offset {found.offset_ms:.2f} ms": abs(found.offset_ms) <= wanted.offset_ms,
        f"not {wanted.exactness}": wanted.exactness.holds(found.exact_share, found.close_share),
    }
    return [what for what, holds in promises.items() if not holds]
