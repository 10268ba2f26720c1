"""A splitter over gRPC, with real recordings, and a model that waits until it may answer."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from grpc import aio
from numpy.typing import NDArray

from fanscribe.media.access import MediaAccess
from fanscribe.media.recording import Recording
from fanscribe.media.timeline import Span
from fanscribe.runtime.channels import open_channel
from fanscribe.splitter.transcription import ModelOptions, TextSegment, Transcript
from fanscribe.v1 import splitter_pb2 as pb
from fanscribe.v1 import splitter_pb2_grpc
from fanscribe.v1.transcriber_pb2 import TranscribeOptions
from tests.support.audio import joined_speech
from tests.support.policies import LOOPBACK
from tests.support.polling import eventually
from tests.support.range_server import RangeServer
from tests.support.splitter import splitter

IN_FLIGHT = 3


@dataclass
class Mishearing:
    """A model that takes everything for French unless told, and answers when it may."""

    permits: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(IN_FLIGHT))
    may_answer: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))
    asked: list[str] = field(default_factory=list)

    async def transcribe(
        self, audio: NDArray[np.int16], options: ModelOptions, speech: Sequence[Span] | None
    ) -> Transcript:
        self.asked.append(options.language)
        await self.may_answer.acquire()
        language = options.language or "fr"
        segment = TextSegment(0, len(audio) // 16, "text", -0.1, 0, 1, ())
        return Transcript(language, 0.7, (segment,), truncated=False, wordless_ms=0)

    def let(self, answers: int) -> None:
        for _ in range(answers):
            self.may_answer.release()


@dataclass
class Orchestrator:
    """Our end of a stream to a splitter."""

    call: aio.StreamStreamCall[pb.SplitRequest, pb.SplitResponse]
    media: pb.Media
    end_sample: int

    async def assign(self, attempt: int, language: str) -> None:
        assignment = pb.ChunkAssignment(
            chunk=pb.ChunkRef(job_id="job", chunk_index=0, attempt=attempt),
            media=self.media,
            span=pb.SampleSpan(start_sample=0, end_sample=self.end_sample),
            to_end=True,
            options=TranscribeOptions(micro_chunk_size_sec=5, language=language),
        )
        await self.call.write(pb.SplitRequest(assignment=assignment))

    async def decide(self, attempt: int, language: str) -> None:
        ref = pb.ChunkRef(job_id="job", chunk_index=0, attempt=attempt)
        update = pb.ChunkUpdate(chunk=ref, language=language)
        await self.call.write(pb.SplitRequest(update=update))

    async def heard(self, results: int) -> list[str]:
        """Languages of so many results with text."""
        languages: list[str] = []
        while len(languages) < results:
            response: Any = await self.call.read()
            assert response.WhichOneof("response") in ("capacity", "micro_result")
            if response.micro_result.segments:
                languages.append(response.micro_result.language)
        return languages

    async def rest(self) -> list[str]:
        """Languages of all results with text until the chunk is done."""
        languages: list[str] = []
        while True:
            response: Any = await self.call.read()
            assert response.WhichOneof("response") != "chunk_failed", response.chunk_failed
            if response.micro_result.segments:
                languages.append(response.micro_result.language)
            if response.WhichOneof("response") == "chunk_done":
                return languages


@pytest.fixture
async def model() -> Mishearing:
    return Mishearing()


@pytest.fixture
async def orchestrator(model: Mishearing, tmp_path: Path) -> AsyncIterator[Orchestrator]:
    path = joined_speech(tmp_path / "speech.wav", 60).path
    async with (
        RangeServer() as host,
        MediaAccess(LOOPBACK) as media,
        splitter(model, media) as address,
        open_channel(address) as channel,
        asyncio.timeout(60),
    ):
        recording = await media.probe(host.add(path.name, path))
        call = splitter_pb2_grpc.SplitterStub(channel).Split()
        yield Orchestrator(call, media_message(recording), recording.duration_samples)
        call.cancel()


def media_message(recording: Recording) -> pb.Media:
    return pb.Media(
        url=recording.source.url,
        size_bytes=recording.source.size_bytes,
        etag=recording.source.etag,
        last_modified=recording.source.last_modified,
        container=recording.container,
        stream_index=recording.stream_index,
        start_time_us=recording.start_time_us,
        duration_samples=recording.duration_samples,
    )


async def test_a_language_decided_midway_is_that_of_all_results_still_to_come(
    model: Mishearing, orchestrator: Orchestrator
) -> None:
    await orchestrator.assign(1, "")
    model.let(2)
    assert await orchestrator.heard(2) == ["fr", "fr"]
    await eventually(lambda: len(model.asked) == 2 + IN_FLIGHT, "the model has what it may have")

    await orchestrator.decide(1, "de")
    await known_to_have_arrived(orchestrator)
    model.let(1000)
    rest = await orchestrator.rest()
    assert len(rest) > 2 * IN_FLIGHT
    assert set(rest) == {"de"}
    # What was on the model is asked again, all else once.
    assert model.asked == [""] * (2 + IN_FLIGHT) + ["de"] * len(rest)


async def test_an_update_is_for_its_own_attempt(
    model: Mishearing, orchestrator: Orchestrator
) -> None:
    await orchestrator.assign(2, "")
    await orchestrator.decide(1, "de")
    await known_to_have_arrived(orchestrator)
    model.let(1000)
    assert set(await orchestrator.rest()) == {"fr"}
    assert set(model.asked) == {""}


async def test_where_the_language_changes_every_micro_chunk_is_heard_by_itself(
    model: Mishearing, orchestrator: Orchestrator
) -> None:
    model.let(1000)
    await orchestrator.assign(1, "multi")
    assert set(await orchestrator.rest()) == {"fr"}
    assert set(model.asked) == {""}


async def known_to_have_arrived(orchestrator: Orchestrator) -> None:
    """Wait until the splitter has read all that was sent: it tells of a later assignment."""
    invalid = pb.ChunkAssignment(
        chunk=pb.ChunkRef(job_id="other", attempt=1), media=pb.Media(headers={"Host": "x"})
    )
    await orchestrator.call.write(pb.SplitRequest(assignment=invalid))
    while True:
        response: Any = await orchestrator.call.read()
        if response.WhichOneof("response") == "chunk_failed":
            assert response.chunk_failed.chunk.job_id == "other"
            assert response.chunk_failed.reason == "MEDIA_HEADERS_INVALID"
            return
        assert response.WhichOneof("response") == "capacity"
