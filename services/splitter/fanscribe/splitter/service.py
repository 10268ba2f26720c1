"""The Splitter service: protobuf to domain and back, one session for each orchestrator's stream."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from typing import Any

from grpc import aio

from fanscribe.media.timeline import SAMPLE_RATE
from fanscribe.runtime.errors import FanscribeError, Reason, domain_error
from fanscribe.runtime.logs import log_context
from fanscribe.runtime.streams import Emit, stream_of
from fanscribe.runtime.tracing import span
from fanscribe.splitter.chunker import MicroChunk
from fanscribe.splitter.messages import assignment_of, micro_result_message
from fanscribe.splitter.metrics import SplitterMetrics
from fanscribe.splitter.slots import Slots
from fanscribe.splitter.transcription import Transcript
from fanscribe.splitter.worker import Assignment, Balance, Worker
from fanscribe.v1 import splitter_pb2 as pb
from fanscribe.v1 import splitter_pb2_grpc

_log = logging.getLogger(__name__)

# Responses that may wait for a slow orchestrator before work on its chunks pauses.
_UNSENT_RESPONSES = 64

_AttemptKey = tuple[str, int, int]
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


@dataclass(frozen=True, eq=False)
class _Attempt:
    assignment: Assignment
    task: asyncio.Task[None]


class _Session:
    """One orchestrator's stream: its chunks in hand, and what it is told."""

    def __init__(
        self, worker: Worker, slots: Slots, metrics: SplitterMetrics, emit: _EmitResponse
    ) -> None:
        self._worker = worker
        self._slots = slots
        self._metrics = metrics
        self._emit = emit
        self._attempts: dict[_AttemptKey, _Attempt] = {}
        self._assignments_received = 0

    async def run(self, requests: AsyncIterator[pb.SplitRequest]) -> None:
        """Serve requests until they end, or until this splitter drains and has nothing left."""
        async with asyncio.TaskGroup() as group:
            receiving = group.create_task(self._receive(requests, group))
            telling = group.create_task(self._tell_capacity(receiving))
            await asyncio.wait([receiving])
            telling.cancel()
            for attempt in self._attempts.values():
                attempt.task.cancel()

    async def _receive(
        self, requests: AsyncIterator[pb.SplitRequest], group: asyncio.TaskGroup
    ) -> None:
        async for request in requests:
            match request.WhichOneof("request"):
                case "assignment":
                    await self._accept(request.assignment, group)
                case "cancel":
                    if attempt := self._attempts.get(_key(request.cancel.chunk)):
                        attempt.task.cancel()
                case "update":
                    if attempt := self._attempts.get(_key(request.update.chunk)):
                        attempt.assignment.decide_language(request.update.language)

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
                if slots.draining and not self._attempts:
                    receiving.cancel()

    async def _accept(self, message: pb.ChunkAssignment, group: asyncio.TaskGroup) -> None:
        self._assignments_received += 1
        if not self._slots.take():
            self._metrics.macro_chunks.labels("refused").inc()
            await self._emit(
                pb.SplitResponse(
                    chunk_failed=pb.ChunkFailed(
                        chunk=message.chunk,
                        reason=Reason.SPLITTERS_UNAVAILABLE,
                        message="this splitter has no free slot",
                        retryable=True,
                        refused=True,
                    )
                )
            )
            return
        try:
            assignment = assignment_of(message)
        except Exception as error:  # noqa: BLE001  whatever it was, the orchestrator is told
            await self._failed(message, Balance(end_sample=message.span.start_sample), error)
            self._slots.give_back()
            return
        key = _key(message.chunk)
        task = group.create_task(self._work(message, assignment))
        self._attempts[key] = _Attempt(assignment, task)

        def ended(_: asyncio.Task[None]) -> None:
            del self._attempts[key]
            self._slots.give_back()

        # Also when the task is cancelled before its first step.
        task.add_done_callback(ended)

    async def _work(self, message: pb.ChunkAssignment, assignment: Assignment) -> None:
        """Work on one macro chunk and report how it ended. Raises only CancelledError."""
        balance = Balance(end_sample=message.span.start_sample)
        began = time.monotonic()

        async def report(chunk: MicroChunk, transcript: Transcript | None) -> None:
            result = micro_result_message(message.chunk, chunk, transcript)
            await self._emit(pb.SplitResponse(micro_result=result))

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
                        await self._worker.work(assignment, balance, report)
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
                await self._done(message, balance, time.monotonic() - began)
            finally:
                self._metrics.macro_chunk_seconds.observe(time.monotonic() - began)

    async def _done(self, message: pb.ChunkAssignment, balance: Balance, elapsed_s: float) -> None:
        fields = {
            "attempt": message.chunk.attempt,
            "audio_s": round((balance.end_sample - message.span.start_sample) / SAMPLE_RATE, 3),
            "elapsed_s": round(elapsed_s, 3),
            "bytes_fetched": balance.bytes_fetched,
        }
        _log.info("macro chunk done", extra={"fields": fields})
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


def _key(ref: pb.ChunkRef) -> _AttemptKey:
    # The next attempt may come before the last one is out of the way.
    return ref.job_id, ref.chunk_index, ref.attempt
