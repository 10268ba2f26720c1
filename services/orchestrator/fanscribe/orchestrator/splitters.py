"""Streams to the splitters of the discovery, one each, kept up for as long as they are listed."""

import asyncio
import logging
from contextlib import aclosing
from typing import Final

import grpc
from grpc import aio

from fanscribe.orchestrator.discovery import Discovery
from fanscribe.orchestrator.messages import assignment_of, chunk_ref_of, micro_result_of
from fanscribe.orchestrator.scheduler import Scheduler
from fanscribe.orchestrator.work import ChunkTask
from fanscribe.runtime.channels import open_channel
from fanscribe.runtime.errors import FanscribeError, Reason
from fanscribe.runtime.tls import ClientCredentials
from fanscribe.v1 import splitter_pb2 as pb
from fanscribe.v1.splitter_pb2_grpc import SplitterStub

_log = logging.getLogger(__name__)

_FIRST_BACKOFF_S: Final = 0.2
_LONGEST_BACKOFF_S: Final = 5.0

_Call = aio.StreamStreamCall[pb.SplitRequest, pb.SplitResponse]


class SplitterPool:
    """Follows the discovery: keeps a stream to each splitter that is listed.

    One that is not listed any more is given nothing new, and its stream ends with the last chunk
    that it has in hand: it drains, or it is not ready just now, and may well finish.
    """

    def __init__(
        self,
        discovery: Discovery,
        scheduler: Scheduler,
        chunk_timeout_s: float,
        credentials: ClientCredentials | None = None,
    ) -> None:
        self._discovery = discovery
        self._scheduler = scheduler
        self._chunk_timeout_s = chunk_timeout_s
        self._credentials = credentials
        self._links: dict[str, SplitterLink] = {}  # those that end included

    async def run(self) -> None:
        """Keep the streams until cancelled."""
        async with (
            asyncio.TaskGroup() as group,
            aclosing(self._discovery.addresses()) as changes,
        ):
            listed: frozenset[str] = frozenset()
            async for addresses in changes:
                fields = {"joined": sorted(addresses - listed), "left": sorted(listed - addresses)}
                _log.info("%d splitters listed", len(addresses), extra={"fields": fields})
                listed = addresses
                for address, link in self._links.items():
                    link.list(address in listed)
                for address in sorted(listed - self._links.keys()):
                    link = SplitterLink(
                        address, self._scheduler, self._chunk_timeout_s, self._credentials
                    )
                    self._links[address] = link
                    group.create_task(self._keep(link))

    async def _keep(self, link: "SplitterLink") -> None:
        # It may be listed again while its channel closes.
        while link.wanted:
            await link.run()
        del self._links[link.address]


class SplitterLink:
    """The stream to one splitter; to the scheduler, the splitter itself."""

    def __init__(
        self,
        address: str,
        scheduler: Scheduler,
        chunk_timeout_s: float,
        credentials: ClientCredentials | None,
    ) -> None:
        self.address = address
        self._credentials = credentials
        self.free_slots = 0
        self._told_free_slots = 0
        self._listed = True
        self._connected = False
        self._changed = asyncio.Event()  # something that `wanted` depends on
        self._scheduler = scheduler
        self._chunk_timeout_s = chunk_timeout_s
        self._tasks: dict[tuple[str, int], ChunkTask] = {}
        self._requests: asyncio.Queue[pb.SplitRequest] = asyncio.Queue()
        self._assignments_sent = 0

    @property
    def wanted(self) -> bool:
        """Whether this splitter is listed, or has something in hand."""
        return self._listed or bool(self._tasks)

    async def run(self) -> None:
        """Keep a stream until it is wanted no more."""
        async with asyncio.TaskGroup() as group:
            keeping = group.create_task(self._keep_stream())
            while self.wanted:
                self._changed.clear()
                await self._changed.wait()
            # At once: nothing may be assigned to a stream that is about to end.
            self._lost()
            keeping.cancel()

    async def _keep_stream(self) -> None:
        """Connect, and again whenever the stream ends, until cancelled."""
        backoff_s = _FIRST_BACKOFF_S
        while True:
            try:
                # A channel for each stream: it shows the certificate that counts now.
                async with open_channel(self.address, self._credentials) as channel:
                    heard = await self._session(SplitterStub(channel).Split())
            except grpc.RpcError as error:
                heard = self._assignments_sent > 0
                _log.warning("stream to splitter %s broke: %s", self.address, _what(error))
            finally:
                self._lost()
            backoff_s = _FIRST_BACKOFF_S if heard else min(2 * backoff_s, _LONGEST_BACKOFF_S)
            await asyncio.sleep(backoff_s)

    def list(self, listed: bool) -> None:
        """Take note of whether the discovery lists this splitter: unlisted it gets nothing new."""
        if listed != self._listed:
            self._listed = listed
            self._changed.set()
            self._offer(self._told_free_slots)

    def assign(self, task: ChunkTask) -> None:
        """Send an assignment."""
        self._told_free_slots -= 1
        self.free_slots -= 1
        self._assignments_sent += 1
        self._tasks[_key(task)] = task
        request = assignment_of(task, self._chunk_timeout_s)
        self._requests.put_nowait(pb.SplitRequest(assignment=request))

    def update(self, task: ChunkTask, language: str) -> None:
        """Send the language of the recording."""
        update = pb.ChunkUpdate(chunk=chunk_ref_of(task), language=language)
        self._requests.put_nowait(pb.SplitRequest(update=update))

    def cancel(self, task: ChunkTask) -> None:
        """Send a cancel, and listen no more."""
        if self._tasks.pop(_key(task), None) is not None:
            self._changed.set()
            cancel = pb.ChunkCancel(chunk=chunk_ref_of(task))
            self._requests.put_nowait(pb.SplitRequest(cancel=cancel))

    async def _session(self, call: _Call) -> bool:
        """Talk to the splitter until it ends the stream; returns whether it said anything."""
        heard = False
        sending = asyncio.create_task(self._send(call))
        try:
            async for response in call:
                heard = True
                self._handle(response)
        finally:
            call.cancel()
            sending.cancel()
            await asyncio.wait([sending])
        return heard

    async def _send(self, call: _Call) -> None:
        while True:
            await call.write(await self._requests.get())

    def _lost(self) -> None:
        self._connected = False
        self._told_free_slots = self.free_slots = 0
        self._assignments_sent = 0
        self._tasks.clear()
        self._changed.set()
        self._requests = asyncio.Queue()
        self._scheduler.splitter_left(self)

    def _handle(self, response: pb.SplitResponse) -> None:
        match response.WhichOneof("response"):
            case "capacity":
                capacity = response.capacity
                unseen = self._assignments_sent - capacity.assignments_received
                self._connected = True
                self._offer(0 if capacity.draining else capacity.free_slots - unseen)
            case "micro_result":
                if task := self._task(response.micro_result.chunk):
                    self._scheduler.micro_received(task, micro_result_of(response.micro_result))
            case "chunk_done":
                self._done(response.chunk_done)
            case "chunk_failed":
                self._failed(response.chunk_failed)

    def _offer(self, free_slots: int) -> None:
        """Let the scheduler use the slots that the splitter tells, as long as it is listed."""
        self._told_free_slots = free_slots
        self.free_slots = free_slots if self._listed else 0
        if self._connected:
            self._scheduler.splitter_changed(self)

    def _done(self, done: pb.ChunkDone) -> None:
        if task := self._ended(done.chunk):
            task.job.attempt_ended(done.bytes_fetched, list(done.warnings))
            self._scheduler.attempt_done(task, done.end_sample)

    def _failed(self, failed: pb.ChunkFailed) -> None:
        if task := self._ended(failed.chunk):
            if failed.refused:
                self._scheduler.attempt_refused(task)
                return
            task.job.attempt_ended(failed.bytes_fetched, [])
            known = failed.reason in Reason.__members__
            reason = Reason(failed.reason) if known else Reason.INTERNAL
            error = FanscribeError(reason, failed.message)
            self._scheduler.attempt_failed(task, error, failed.retryable)

    def _ended(self, ref: pb.ChunkRef) -> ChunkTask | None:
        """Forget the attempt that has ended."""
        if task := self._task(ref):
            del self._tasks[_key(task)]
            self._changed.set()
        return task

    def _task(self, ref: pb.ChunkRef) -> ChunkTask | None:
        """Find the attempt a response is about; None if it was cancelled meanwhile."""
        task = self._tasks.get((ref.job_id, ref.chunk_index))
        return task if task is not None and task.attempt == ref.attempt else None


def _key(task: ChunkTask) -> tuple[str, int]:
    return task.job.job_id, task.chunk.index


def _what(error: grpc.RpcError) -> str:
    if not isinstance(error, aio.AioRpcError):
        return type(error).__name__
    # The details say, for one, whose certificate was not believed.
    return f"{error.code().name}: {error.details()}"
