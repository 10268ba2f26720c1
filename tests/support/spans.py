"""A recording read the way a job reads it: probed, planned, and extracted macro chunk by chunk."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fanscribe.media.access import MediaAccess
from fanscribe.media.recording import Recording
from fanscribe.orchestrator.planner import MacroChunk, Planner
from fanscribe.runtime.streams import Emit


@dataclass(frozen=True)
class Plan:
    """A recording and its macro chunks."""

    recording: Recording
    chunks: tuple[MacroChunk, ...]

    @property
    def starts(self) -> list[int]:
        """First samples of the chunks."""
        return [chunk.span.start_sample for chunk in self.chunks]


def into(chunks: list[MacroChunk]) -> Emit[MacroChunk]:
    """Return what collects the chunks that a planner finds."""

    async def found(chunk: MacroChunk) -> None:
        chunks.append(chunk)

    return found


async def plan(
    access: MediaAccess, recording: Recording, macro_samples: int, reach_samples: int
) -> Plan:
    """Plan a recording as an orchestrator does."""
    chunks: list[MacroChunk] = []
    planner = Planner(access, reach_samples, searches=1)
    await planner.plan(recording, macro_samples, into(chunks), lambda _: None)
    return Plan(recording, tuple(chunks))


async def extract_chunk(
    access: MediaAccess, recording: Recording, chunk: MacroChunk
) -> NDArray[np.int16]:
    """Extract a macro chunk as a splitter does. Raises FanscribeError."""
    async with access.extract(
        recording, chunk.span, to_end=chunk.to_end, anchor=chunk.anchor
    ) as extraction:
        return np.concatenate([block async for block in extraction])


async def extract_all(access: MediaAccess, planned: Plan) -> list[NDArray[np.int16]]:
    """Extract all macro chunks, one after the other."""
    return [await extract_chunk(access, planned.recording, chunk) for chunk in planned.chunks]
