"""Many recordings through one peer, one after the other."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from benchmarks.peer import Options, Transcription
from benchmarks.peer_process import PeerError, started
from benchmarks.weights import Weights

# Hours of speech on one core: nothing takes longer unless it hangs.
_LIMIT_S: Final = 3600


@dataclass(frozen=True)
class Job:
    """A recording, and what is asked of its transcription."""

    path: Path
    options: Options = field(default_factory=Options)


@dataclass(frozen=True)
class Outcome:
    """What became of a job: a transcription, or why there is none."""

    transcription: Transcription
    error: str = ""


async def transcribe_all(peer: str, weights: Weights, jobs: Sequence[Job]) -> list[Outcome]:
    """Transcribe with a peer that is started for it. Raises PeerError if that cannot be done."""
    outcomes = []
    async with started(peer, weights.folder) as process:
        for number, job in enumerate(jobs, 1):
            told = f"\r{weights.name}: {peer}: {number} of {len(jobs)}"
            print(told, end="", file=sys.stderr, flush=True)
            try:
                answer = await process.transcribe(job.path, _LIMIT_S, job.options)
                outcomes.append(Outcome(answer.transcription))
            except PeerError as error:
                outcomes.append(Outcome(Transcription((), ""), str(error)))
    print(file=sys.stderr)
    return outcomes


async def transcriptions(peer: str, weights: Weights, jobs: Sequence[Job]) -> list[Transcription]:
    """Transcribe all, or raise PeerError: a job that failed would count as words missed."""
    outcomes = await transcribe_all(peer, weights, jobs)
    if failed := sorted({outcome.error for outcome in outcomes if outcome.error}):
        raise PeerError(f"{peer}: {'; '.join(failed)}")
    return [outcome.transcription for outcome in outcomes]
