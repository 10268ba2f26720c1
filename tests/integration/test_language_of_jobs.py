"""Jobs whose model often mishears the language: orchestrator and splitters as they are."""

import asyncio
import random
import zlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest
from numpy.typing import NDArray

from fanscribe.media.access import MediaAccess
from fanscribe.media.timeline import Span
from fanscribe.orchestrator.events import Progressed
from fanscribe.orchestrator.options import Options
from fanscribe.splitter.transcription import ModelOptions, TextSegment, Transcript, Word
from tests.support.audio import joined_speech
from tests.support.job_runs import JobRun, run_job
from tests.support.policies import LOOPBACK
from tests.support.range_server import RangeServer


@dataclass
class Mishearing:
    """A model that takes one in four micro chunks for French, and answers in any order."""

    seed: int
    permits: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(8))

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    async def transcribe(
        self, audio: NDArray[np.int16], options: ModelOptions, speech: Sequence[Span] | None
    ) -> Transcript:
        for _ in range(self._random.randrange(200)):
            await asyncio.sleep(0)
        heard, probability = ("fr", 0.5) if zlib.crc32(audio.tobytes()) % 4 == 0 else ("de", 0.95)
        language = options.language or heard
        # Where two micro chunks overlap, those who hear one language hear the same words.
        starts_ms = range(0, len(audio) // 16 - 200, 400)
        words = tuple(Word(start_ms, start_ms + 200, language, 1) for start_ms in starts_ms)
        text = " ".join(word.text for word in words)
        segment = TextSegment(0, len(audio) // 16, text, -0.1, 0, 1, words)
        return Transcript(language, probability, (segment,), truncated=False, wordless_ms=0)


@dataclass
class Cluster:
    """Whatever a job needs beside splitters."""

    media: MediaAccess
    url: str

    async def job(
        self,
        language: str,
        splitters: int = 1,
        *,
        planned_chunks: int = 64,
        slow_caller: bool = False,
    ) -> JobRun:
        return await run_job(
            self.media,
            self.url,
            [Mishearing(seed) for seed in range(splitters)],
            Options(30, 5, language, False, False, ""),
            planned_chunks=planned_chunks,
            slow_caller=slow_caller,
        )


@pytest.fixture(scope="module")
async def cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cluster]:
    path = joined_speech(tmp_path_factory.mktemp("languages") / "speech.wav", 200).path
    async with RangeServer() as host, MediaAccess(LOOPBACK) as media:
        yield Cluster(media, host.add(path.name, path))


async def test_all_text_is_in_the_language_of_the_recording_whoever_is_faster(
    cluster: Cluster,
) -> None:
    told = await cluster.job("de")
    assert told.completed.macro_chunk_attempts == told.completed.macro_chunks == 7
    for splitters in (1, 3):
        job = await cluster.job("", splitters)
        assert job.text == told.text
        assert job.languages == {"de"}
        assert job.completed.language == "de"
        # With attempts=1, none of the repeats counts as a failure.
        assert job.completed.macro_chunk_attempts <= 2 * job.completed.macro_chunks
        done = [event.done_samples for event in job.events if isinstance(event, Progressed)]
        assert done == sorted(done)
        assert done[-1] == job.completed.duration_samples


async def test_what_was_heard_in_another_language_before_is_made_again(cluster: Cluster) -> None:
    job = await cluster.job("", splitters=4)
    assert job.completed.macro_chunk_attempts > job.completed.macro_chunks


async def test_each_micro_chunk_in_its_own_language_on_request(cluster: Cluster) -> None:
    job = await cluster.job("multi", splitters=3)
    assert job.languages == {"de", "fr"}
    assert job.completed.language == "de"
    assert job.completed.macro_chunk_attempts == job.completed.macro_chunks


async def test_planning_no_further_ahead_than_the_next_chunk_changes_nothing(
    cluster: Cluster,
) -> None:
    job = await cluster.job("de", planned_chunks=1)
    assert job.text == (await cluster.job("de", splitters=3)).text


async def test_a_slow_caller_gets_all_of_the_text(cluster: Cluster) -> None:
    job = await cluster.job("de", slow_caller=True)
    assert job.text == (await cluster.job("de")).text
    assert job.completed.segments == len(job.text)
