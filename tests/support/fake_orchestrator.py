"""A real gRPC server that plays a script in place of an orchestrator."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from grpc import aio

from fanscribe.runtime.errors import FanscribeError
from fanscribe.runtime.server import Bind, Server
from fanscribe.v1 import transcriber_pb2 as pb
from fanscribe.v1.transcriber_pb2_grpc import (
    TranscriberServicer,
    add_TranscriberServicer_to_server,
)


@dataclass(frozen=True)
class Hold:
    """Step of a script: wait until `release` is set, or for ever."""

    release: asyncio.Event | None = None


@dataclass(frozen=True)
class Abort:
    """Step of a script: end with a bare status, as something between client and server would."""

    code: Any
    details: str


Step = pb.Plan | pb.Progress | pb.Segment | pb.Completed | FanscribeError | Hold | Abort


@dataclass
class FakeOrchestrator(TranscriberServicer):
    """Answers every call with the same steps, and remembers what it was asked."""

    script: Sequence[Step]
    address: str = ""
    requests: list[pb.TranscribeRequest] = field(default_factory=list)
    deadlines_s: list[float | None] = field(default_factory=list)
    called: asyncio.Event = field(default_factory=asyncio.Event)
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)

    async def Transcribe(  # noqa: N802  gRPC's name
        self, request: pb.TranscribeRequest, context: aio.ServicerContext[Any, Any]
    ) -> AsyncIterator[pb.TranscribeEvent]:
        """Play the script."""
        self.requests.append(request)
        self.deadlines_s.append(context.time_remaining())
        self.called.set()
        try:
            for step in self.script:
                match step:
                    case FanscribeError():
                        raise step
                    case Abort():
                        await context.abort(step.code, step.details)
                    case Hold():
                        await (step.release or asyncio.Event()).wait()
                    case _:
                        yield event(step)
        except (asyncio.CancelledError, GeneratorExit):
            # The second one where the call ends while an event is on its way.
            self.cancelled.set()
            raise


def event(message: pb.Plan | pb.Progress | pb.Segment | pb.Completed) -> pb.TranscribeEvent:
    """Wrap one kind of event."""
    match message:
        case pb.Plan():
            return pb.TranscribeEvent(plan=message)
        case pb.Progress():
            return pb.TranscribeEvent(progress=message)
        case pb.Segment():
            return pb.TranscribeEvent(segment=message)
        case _:
            return pb.TranscribeEvent(completed=message)


@asynccontextmanager
async def fake_orchestrator(*script: Step) -> AsyncIterator[FakeOrchestrator]:
    """Run one on a free port while inside."""
    servicer = FakeOrchestrator(script)
    server = Server(["fanscribe.v1.Transcriber"])
    add_TranscriberServicer_to_server(servicer, server.grpc)
    async with server.listening(Bind("127.0.0.1", 0), grace_s=0) as bind:
        await server.set_ready(True)
        servicer.address = str(bind)
        yield servicer


PLAN = pb.Plan(
    job_id="job-1",
    duration_ms=120_000,
    size_bytes=3_840_044,
    macro_chunks=2,
    container="wav",
    codec="pcm_s16le",
    options=pb.TranscribeOptions(
        macro_chunk_size_sec=60, micro_chunk_size_sec=30, task=pb.TASK_TRANSCRIBE
    ),
)
FIRST = pb.Segment(
    index=0,
    start_ms=500,
    end_ms=4_250,
    text="The first thing said.",
    language="en",
    avg_logprob=-0.25,
    no_speech_prob=0.125,
    compression_ratio=1.5,
    words=[pb.Word(start_ms=500, end_ms=750, text="The", probability=0.5)],
)
SECOND = pb.Segment(
    index=1, start_ms=61_000, end_ms=64_000, text="The second thing.", language="en"
)
COMPLETED = pb.Completed(
    input_duration_ms=120_000,
    processing_duration_ms=8_000,
    speed_up=15.0,
    bytes_fetched=3_900_000,
    language="en",
    segments=2,
    macro_chunks=2,
    macro_chunk_attempts=3,
    coverage=pb.Coverage(
        transcribed_ms=100_000, silent_ms=20_000, speech_ms=80_000, speech_without_text_ms=800
    ),
    warnings=["the container's length is a guess"],
)


def progress(done_ms: int, elapsed_ms: int) -> pb.Progress:
    """Tell that `done_ms` of PLAN's audio took `elapsed_ms`."""
    return pb.Progress(
        done_ms=done_ms,
        duration_ms=PLAN.duration_ms,
        elapsed_ms=elapsed_ms,
        macro_chunks_done=done_ms // 60_000,
        macro_chunks_running=1,
        macro_chunks=2,
    )


WHOLE_JOB: tuple[Step, ...] = (
    PLAN,
    progress(0, 1_000),
    FIRST,
    progress(60_000, 6_000),
    SECOND,
    progress(120_000, 8_000),
    COMPLETED,
)
