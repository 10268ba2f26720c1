"""The Splitter service: protobuf to domain and back, one session for each orchestrator's stream."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

from grpc import aio

from fanscribe.media.anchor import Anchor
from fanscribe.media.framegrid import FrameGrid
from fanscribe.media.headers import RequestHeaders
from fanscribe.media.probe import Recording
from fanscribe.media.source import Source
from fanscribe.media.timeline import Span, ms_of
from fanscribe.runtime.errors import FanscribeError, Reason, domain_error
from fanscribe.runtime.logs import log_context
from fanscribe.runtime.streams import Emit, stream_of
from fanscribe.runtime.tracing import span
from fanscribe.splitter.chunker import MicroChunk
from fanscribe.splitter.metrics import SplitterMetrics
from fanscribe.splitter.slots import Slots
from fanscribe.splitter.transcription import ModelOptions, TextSegment, Transcript
from fanscribe.splitter.worker import Assignment, Balance, Worker
from fanscribe.v1 import splitter_pb2 as pb
from fanscribe.v1 import splitter_pb2_grpc, transcriber_pb2

_log = logging.getLogger(__name__)

# Responses that may wait for a slow orchestrator before work on its chunks pauses.
_UNSENT_RESPONSES = 64

_ChunkKey = tuple[str, int]
_EmitResponse = Emit[pb.SplitResponse]


class SplitterService(splitter_pb2_grpc.SplitterServicer):
    """Serves `Split`."""

    def __init__(self, worker: Worker, slots: Slots, metrics: SplitterMetrics) -> None:
        self._worker = worker
        self._slots = slots
        self._metrics = metrics

    def Split(  # noqa: N802  the name in the protocol
        self,
        request_iterator: AsyncIterator[pb.SplitRequest],
        context: aio.ServicerContext[Any, Any],  # noqa: ARG002
    ) -> AsyncGenerator[pb.SplitResponse, None]:
        """Work for one orchestrator until it, or this splitter, ends the stream."""

        async def produce(emit: _EmitResponse) -> None:
            await _Session(self._worker, self._slots, self._metrics, emit).run(request_iterator)

        return stream_of(produce, _UNSENT_RESPONSES)


class _Session:
    """One orchestrator's stream: its chunks in hand, and what it is told."""

    def __init__(
        self, worker: Worker, slots: Slots, metrics: SplitterMetrics, emit: _EmitResponse
    ) -> None:
        self._worker = worker
        self._slots = slots
        self._metrics = metrics
        self._emit = emit
        self._tasks: dict[_ChunkKey, asyncio.Task[None]] = {}
        self._assignments_received = 0

    async def run(self, requests: AsyncIterator[pb.SplitRequest]) -> None:
        """Serve requests until they end, or until this splitter drains and has nothing left."""
        async with asyncio.TaskGroup() as group:
            receiving = group.create_task(self._receive(requests, group))
            telling = group.create_task(self._tell_capacity(receiving))
            await asyncio.wait([receiving])
            telling.cancel()
            for task in self._tasks.values():
                task.cancel()

    async def _receive(
        self, requests: AsyncIterator[pb.SplitRequest], group: asyncio.TaskGroup
    ) -> None:
        async for request in requests:
            match request.WhichOneof("request"):
                case "assignment":
                    await self._accept(request.assignment, group)
                case "cancel":
                    task = self._tasks.get(_key(request.cancel.chunk))
                    if task is not None:
                        task.cancel()

    async def _tell_capacity(self, receiving: asyncio.Task[None]) -> None:
        with self._slots.watched() as changed:
            while True:
                await changed.wait()
                changed.clear()
                slots = self._slots
                await self._emit(
                    pb.SplitResponse(
                        capacity=pb.Capacity(
                            slots=slots.total,
                            free_slots=slots.free,
                            draining=slots.draining,
                            assignments_received=self._assignments_received,
                        )
                    )
                )
                if slots.draining and not self._tasks:
                    receiving.cancel()

    async def _accept(self, assignment: pb.ChunkAssignment, group: asyncio.TaskGroup) -> None:
        self._assignments_received += 1
        if not self._slots.take():
            self._metrics.macro_chunks.labels("refused").inc()
            await self._emit(
                pb.SplitResponse(
                    chunk_failed=pb.ChunkFailed(
                        chunk=assignment.chunk,
                        reason=Reason.SPLITTERS_UNAVAILABLE,
                        message="this splitter has no free slot",
                        retryable=True,
                        refused=True,
                    )
                )
            )
            return
        key = _key(assignment.chunk)
        task = group.create_task(self._work(assignment))
        self._tasks[key] = task

        def ended(_: asyncio.Task[None]) -> None:
            del self._tasks[key]
            self._slots.give_back()

        # Also when the task is cancelled before its first step.
        task.add_done_callback(ended)

    async def _work(self, message: pb.ChunkAssignment) -> None:
        """Work on one macro chunk and report how it ended. Raises only CancelledError."""
        balance = Balance(end_sample=message.span.start_sample)
        began = time.monotonic()

        async def report(chunk: MicroChunk, transcript: Transcript | None) -> None:
            await self._emit(
                pb.SplitResponse(micro_result=_micro_result(message.chunk, chunk, transcript))
            )

        ref = message.chunk
        with log_context(job_id=ref.job_id, chunk=ref.chunk_index):
            try:
                async with asyncio.timeout(message.timeout_ms / 1000 or None):
                    with span(
                        "macro chunk",
                        dict(message.trace_context),
                        index=ref.chunk_index,
                        attempt=ref.attempt,
                    ):
                        await self._worker.work(_assignment(message), balance, report)
            except asyncio.CancelledError:
                self._metrics.macro_chunks.labels("cancelled").inc()
                raise
            except TimeoutError:
                # Another splitter may be faster. If it is the job that has no time left, the
                # orchestrator knows, and ends it.
                late = FanscribeError(
                    Reason.SPLITTERS_UNAVAILABLE,
                    f"it was not done after {message.timeout_ms / 1000:g} s",
                )
                await self._failed(message, balance, late)
            except Exception as error:  # noqa: BLE001  whatever it was, the orchestrator is told
                await self._failed(message, balance, error)
            else:
                await self._done(message, balance)
            finally:
                self._metrics.macro_chunk_seconds.observe(time.monotonic() - began)

    async def _done(self, message: pb.ChunkAssignment, balance: Balance) -> None:
        self._metrics.macro_chunks.labels("done").inc()
        await self._emit(
            pb.SplitResponse(
                chunk_done=pb.ChunkDone(
                    chunk=message.chunk,
                    end_sample=balance.end_sample,
                    bytes_fetched=balance.bytes_fetched,
                    warnings=balance.warnings,
                )
            )
        )

    async def _failed(
        self, message: pb.ChunkAssignment, balance: Balance, error: Exception
    ) -> None:
        known = domain_error(error)
        if known is None:
            _log.error("macro chunk failed in a way nobody foresaw", exc_info=error)
            known = FanscribeError(Reason.INTERNAL, "internal error of a splitter; see its log")
        else:
            _log.warning("macro chunk failed: %s: %s", known.reason, known.message)
        self._metrics.macro_chunks.labels("failed").inc()
        self._metrics.failures.labels(known.reason).inc()
        await self._emit(
            pb.SplitResponse(
                chunk_failed=pb.ChunkFailed(
                    chunk=message.chunk,
                    reason=known.reason,
                    message=known.message,
                    retryable=known.retryable,
                    bytes_fetched=balance.bytes_fetched,
                )
            )
        )


def _key(chunk: pb.ChunkRef) -> _ChunkKey:
    return chunk.job_id, chunk.chunk_index


def _assignment(message: pb.ChunkAssignment) -> Assignment:
    media, options = message.media, message.options
    span = Span(message.span.start_sample, message.span.end_sample)
    return Assignment(
        recording=Recording(
            source=Source(
                url=media.url,
                size_bytes=media.size_bytes,
                etag=media.etag,
                last_modified=media.last_modified,
                headers=RequestHeaders.of(media.headers),
            ),
            container=media.container,
            codec="",
            stream_index=media.stream_index,
            start_time_us=media.start_time_us,
            duration_samples=media.duration_samples,
            grid=_grid(media.grid) if media.HasField("grid") else None,
        ),
        span=span,
        to_end=message.to_end,
        longest_micro_chunk_s=options.micro_chunk_size_sec,
        options=ModelOptions(
            language=options.language,
            task="translate" if options.task == transcriber_pb2.TASK_TRANSLATE else "transcribe",
            word_timestamps=options.word_timestamps,
            initial_prompt=options.initial_prompt,
        ),
        received=frozenset(message.received_start_samples),
        anchor=_anchor(message.anchor) if message.HasField("anchor") else None,
    )


def _grid(message: pb.FrameGrid) -> FrameGrid:
    return FrameGrid(message.rate_hz, message.frame_samples, message.first_sample)


def _anchor(message: pb.Anchor) -> Anchor:
    return Anchor(
        start_byte=message.start_byte,
        header_bytes=message.header_bytes,
        filler=message.filler,
        offset_us=message.offset_us,
        end_us=message.end_us if message.HasField("end_us") else None,
    )


def _micro_result(
    ref: pb.ChunkRef, chunk: MicroChunk, transcript: Transcript | None
) -> pb.MicroResult:
    result = pb.MicroResult(
        chunk=ref,
        span=pb.SampleSpan(start_sample=chunk.span.start_sample, end_sample=chunk.span.end_sample),
        transcribed_samples=len(chunk.audio),
        speech_samples=chunk.speech_samples,
    )
    if transcript is not None:
        start_ms = ms_of(chunk.audio_start_sample)
        result.language = transcript.language
        result.language_probability = transcript.language_probability
        result.segments.extend(
            _segment(segment, start_ms, transcript.language) for segment in transcript.segments
        )
        if transcript.truncated:
            end_ms = ms_of(chunk.span.end_sample)
            result.warnings.append(
                f"text may be missing between {start_ms / 1000:.0f} s and {end_ms / 1000:.0f} s: "
                "the model wrote as much as it can write at once"
            )
    return result


def _segment(segment: TextSegment, start_ms: int, language: str) -> transcriber_pb2.Segment:
    return transcriber_pb2.Segment(
        start_ms=start_ms + segment.start_ms,
        end_ms=start_ms + segment.end_ms,
        text=segment.text,
        language=language,
        avg_logprob=segment.avg_logprob,
        no_speech_prob=segment.no_speech_prob,
        compression_ratio=segment.compression_ratio,
        words=[
            transcriber_pb2.Word(
                start_ms=start_ms + word.start_ms,
                end_ms=start_ms + word.end_ms,
                text=word.text,
                probability=word.probability,
            )
            for word in segment.words
        ],
    )
