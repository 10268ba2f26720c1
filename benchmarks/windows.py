"""The windows of a recording that fanscribe sends to its model, cut without any server."""

from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fanscribe.client.file_server import served_file
from fanscribe.media.access import MediaAccess
from fanscribe.media.speech import SpeechDetector
from fanscribe.media.timeline import SAMPLE_RATE, samples_of_s
from fanscribe.orchestrator.settings import OrchestratorSettings
from fanscribe.splitter.chunker import Chunker, MicroChunk
from tests.support.audio import decode
from tests.support.policies import LOOPBACK
from tests.support.spans import plan

_BLOCK_SAMPLES = SAMPLE_RATE


async def planned_windows(path: Path) -> list[MicroChunk]:
    """Cut a recording as a job with default options does: planned, then cut macro chunk by chunk.

    Raises FanscribeError.
    """
    settings = OrchestratorSettings()
    async with MediaAccess(LOOPBACK) as access, served_file(path) as url:
        planned = await plan(
            access,
            await access.probe(url),
            samples_of_s(settings.macro_chunk_size_sec),
            samples_of_s(settings.boundary_reach_s),
        )
    samples = decode(path)
    bounds = [*planned.starts, len(samples)]
    return [
        chunk
        for start, end in pairwise(bounds)
        for chunk in windows(samples[start:end], start, settings.micro_chunk_size_sec)
    ]


def windows(samples: NDArray[np.int16], start_sample: int, longest_s: int) -> list[MicroChunk]:
    """Cut `samples`, the first of which is `start_sample` of the recording, as a splitter does."""
    chunker = Chunker(SpeechDetector, start_sample, samples_of_s(longest_s))
    chunks = [
        chunk
        for first in range(0, len(samples), _BLOCK_SAMPLES)
        for chunk in chunker.feed(samples[first : first + _BLOCK_SAMPLES])
    ]
    chunks += chunker.finish()
    return [chunk for chunk in chunks if len(chunk.audio)]
