"""Measures one run of a peer on a recording: speed, errors, memory, CPU time."""

import asyncio
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.peer_process import Answer, PeerProcess, started
from benchmarks.process_tree import ProcessTree, machine_cpu_s
from benchmarks.recordings import Recording
from benchmarks.scoring import WordErrors, word_errors

# Looking costs the peers CPU time: some 10 ms each time for a whole stack.
_SAMPLING_S = 0.5
# Who needs longer than twice the recording's length, and a minute, is not waited for.
_LIMIT = 2
_LIMIT_S = 60


@dataclass(frozen=True)
class Run:
    """One peer's work on one recording, once."""

    peer: str
    wall_s: float  # of the whole call: opening and decoding the recording, up to the last word
    rtfx: float  # audio time over wall time
    errors: WordErrors
    peak_pss_bytes: int  # of the process tree, the loaded model included
    peak_pss_bytes_by_process: dict[str, int]  # at that moment
    cpu_s: float  # of the process tree
    other_cpu_share: float  # of the machine's CPU time, what went to others than the peer
    details: dict[str, Any]  # what the peer told
    text: str


def in_turn(runs: Mapping[str, int]) -> Iterator[str]:
    """Interleave peers, so that a machine that changes its pace changes it for all of them.

    `runs` tells how often each peer runs: {"a": 2, "b": 1} gives a, b, a.
    """
    for turn in range(max(runs.values())):
        yield from (peer for peer, times in runs.items() if turn < times)


async def measure(peer: str, weights: Path, recording: Recording, warm_up: Path) -> Run:
    """Start a peer, let it warm up, and measure it on `recording`. Raises PeerError."""
    async with started(peer, weights, warm_up) as process:
        tree = ProcessTree(process.pid)
        cpu_before_s, machine_before_s = tree.cpu_s(), machine_cpu_s()
        answer, peak = await _sampled(process, tree, recording)
        cpu_s = tree.cpu_s() - cpu_before_s
        other_cpu_s = max(0.0, machine_cpu_s() - machine_before_s - cpu_s)
    transcription = answer.transcription
    return Run(
        peer=peer,
        wall_s=answer.wall_s,
        rtfx=recording.duration_s / answer.wall_s,
        errors=word_errors(recording.reference, transcription.text),
        peak_pss_bytes=peak.total(),
        peak_pss_bytes_by_process=dict(peak.most_common()),
        cpu_s=cpu_s,
        other_cpu_share=other_cpu_s / (answer.wall_s * (os.cpu_count() or 1)),
        details=transcription.details,
        text=transcription.text,
    )


def limit_s(recording: Recording) -> float:
    """Wall time after which a peer is not waited for any longer."""
    return _LIMIT_S + _LIMIT * recording.duration_s


async def _sampled(
    process: PeerProcess, tree: ProcessTree, recording: Recording
) -> tuple[Answer, Counter[str]]:
    """Let the peer transcribe; returns its answer and the greatest memory seen meanwhile."""
    peak = tree.pss_bytes()
    answer = asyncio.create_task(process.transcribe(recording.path, limit_s(recording)))
    try:
        while not answer.done():
            await asyncio.wait([answer], timeout=_SAMPLING_S)
            peak = max(peak, tree.pss_bytes(), key=Counter.total)
        return await answer, peak
    finally:
        answer.cancel()
