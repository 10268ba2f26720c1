"""The Transcriber service: protobuf to domain and back, and who is let in."""

import asyncio
import logging
import time
import uuid
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from grpc import aio

from fanscribe.media.headers import RequestHeaders
from fanscribe.media.timeline import ms_of
from fanscribe.orchestrator.calls import ending_recorded
from fanscribe.orchestrator.events import Completed, Event, Planned, Progressed, Told
from fanscribe.orchestrator.job import Parts, TranscriptionJob
from fanscribe.orchestrator.messages import options_message, segment_message
from fanscribe.orchestrator.options import Options, language_of
from fanscribe.orchestrator.settings import OrchestratorSettings
from fanscribe.runtime.errors import FanscribeError, Reason
from fanscribe.runtime.logs import log_context
from fanscribe.runtime.streams import Emit, stream_of
from fanscribe.runtime.tracing import span
from fanscribe.v1 import transcriber_pb2 as pb
from fanscribe.v1 import transcriber_pb2_grpc

_log = logging.getLogger(__name__)

# Events that may wait for a slow caller; what comes after stays in the job as plain text.
_UNSENT_EVENTS = 64


class TranscriberService(transcriber_pb2_grpc.TranscriberServicer):
    """Serves `Transcribe`."""

    def __init__(self, parts: Parts, settings: OrchestratorSettings) -> None:
        self._parts = parts
        self._settings = settings
        self._jobs = 0
        self._calls = 0
        self._no_calls = asyncio.Event()
        self._no_calls.set()
        self._closed = False

    def close(self) -> None:
        """Refuse new jobs from now on; those running go on."""
        self._closed = True

    async def drained(self, within_s: float) -> None:
        """Wait until no call is open, for at most `within_s`."""
        try:
            async with asyncio.timeout(within_s):
                await self._no_calls.wait()
        except TimeoutError:
            _log.warning("giving up the jobs that still run after %s s", within_s)

    async def Transcribe(  # noqa: N802  the name in the protocol
        self, request: pb.TranscribeRequest, context: aio.ServicerContext[Any, Any]
    ) -> AsyncGenerator[pb.TranscribeEvent, None]:
        """Transcribe one recording."""
        time_left_s = context.time_remaining()
        caller = {
            key: value
            for key, value in context.invocation_metadata() or ()
            if isinstance(value, str)
        }

        async def produce(emit: Emit[pb.TranscribeEvent]) -> None:
            async def emit_event(event: Event) -> None:
                await emit(_message(event))

            with span("transcribe", caller):
                await self._transcribe(request, time_left_s, emit_event)

        # A call is open until its last event is taken, which is later than its job's end.
        self._calls += 1
        self._no_calls.clear()
        try:
            async with aclosing(stream_of(produce, _UNSENT_EVENTS)) as messages:
                async for message in messages:
                    yield message
        finally:
            self._calls -= 1
            if not self._calls:
                self._no_calls.set()

    async def _transcribe(
        self, request: pb.TranscribeRequest, time_left_s: float | None, emit: Emit[Event]
    ) -> None:
        job_id = uuid.uuid4().hex[:16]
        metrics = self._parts.metrics
        with log_context(job_id=job_id), ending_recorded(metrics, time_left_s):
            deadline_s = None if time_left_s is None else time.monotonic() + time_left_s
            options = self._options(request.options)
            headers = RequestHeaders.of(request.media_headers)
            job = TranscriptionJob(
                job_id,
                self._parts,
                request.media_url,
                headers=headers,
                options=options,
                deadline_s=deadline_s,
            )
            self._admit()
            try:
                _log.info("job begins")
                async with asyncio.timeout(time_left_s):
                    await job.run(emit)
            finally:
                self._jobs -= 1

    def _admit(self) -> None:
        if self._closed:
            raise FanscribeError(
                Reason.SHUTTING_DOWN, "this orchestrator is about to stop; try again"
            )
        if self._jobs >= self._settings.max_jobs:
            raise FanscribeError(
                Reason.QUEUE_FULL,
                f"{self._jobs} jobs are running, as many as are allowed; try again later",
            )
        self._jobs += 1

    def _options(self, asked: pb.TranscribeOptions) -> Options:
        if asked.task not in pb.Task.values():
            raise FanscribeError(Reason.OPTION_OUT_OF_RANGE, f"task {asked.task} is not known")
        return Options(
            macro_chunk_s=(
                asked.macro_chunk_size_sec
                if asked.HasField("macro_chunk_size_sec")
                else self._settings.macro_chunk_size_sec
            ),
            micro_chunk_s=(
                asked.micro_chunk_size_sec
                if asked.HasField("micro_chunk_size_sec")
                else self._settings.micro_chunk_size_sec
            ),
            language=language_of(asked.language),
            translate=asked.task == pb.TASK_TRANSLATE,
            word_timestamps=asked.word_timestamps,
            initial_prompt=asked.initial_prompt,
            audio_stream=asked.audio_stream if asked.HasField("audio_stream") else None,
            audio_language=asked.audio_language,
        )


def _message(event: Event) -> pb.TranscribeEvent:
    match event:
        case Planned():
            return pb.TranscribeEvent(plan=_plan(event))
        case Progressed():
            return pb.TranscribeEvent(progress=_progress(event))
        case Told():
            return pb.TranscribeEvent(segment=segment_message(event.index, event.segment))
        case Completed():
            return pb.TranscribeEvent(completed=_completed(event))


def _plan(event: Planned) -> pb.Plan:
    recording = event.recording
    options = options_message(event.options)
    options.audio_stream = recording.audio_stream
    return pb.Plan(
        job_id=event.job_id,
        duration_ms=ms_of(recording.duration_samples),
        size_bytes=recording.source.size_bytes,
        macro_chunks=event.macro_chunks,
        container=recording.container,
        codec=recording.codec,
        options=options,
        sequential=recording.is_sequential,
    )


def _progress(event: Progressed) -> pb.Progress:
    return pb.Progress(
        done_ms=ms_of(event.done_samples),
        duration_ms=ms_of(event.duration_samples),
        elapsed_ms=int(event.elapsed_s * 1000),
        macro_chunks_done=event.chunks_done,
        macro_chunks_running=event.chunks_running,
        macro_chunks=event.chunks,
    )


def _completed(event: Completed) -> pb.Completed:
    input_duration_ms = ms_of(event.duration_samples)
    # Never zero: it divides.
    processing_duration_ms = max(1, int(event.elapsed_s * 1000))
    transcribed_ms = ms_of(event.transcribed_samples)
    return pb.Completed(
        input_duration_ms=input_duration_ms,
        processing_duration_ms=processing_duration_ms,
        speed_up=input_duration_ms / processing_duration_ms,
        bytes_fetched=event.bytes_fetched,
        language=event.language,
        segments=event.segments,
        macro_chunks=event.macro_chunks,
        macro_chunk_attempts=event.macro_chunk_attempts,
        coverage=pb.Coverage(
            transcribed_ms=transcribed_ms,
            silent_ms=input_duration_ms - transcribed_ms,
            speech_ms=ms_of(event.speech_samples),
            speech_without_text_ms=ms_of(event.wordless_speech_samples),
        ),
        warnings=event.warnings,
    )
