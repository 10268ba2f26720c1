"""What `fanscribe transcribe` does, once its arguments are read."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc

from fanscribe.client.access import Access
from fanscribe.client.client import Client
from fanscribe.client.errors import TranscriptionError
from fanscribe.client.events import Completed, Plan, Progress, Segment
from fanscribe.client.file_server import served_file
from fanscribe.client.local_stack import LocalStack
from fanscribe.client.options import Options
from fanscribe.client.output import Output
from fanscribe.client.reporters import Reporter
from fanscribe.runtime.errors import Reason

# How long a failed call waits for the news that a part of the stack died.
_NEWS_S = 1.0


@dataclass(frozen=True, kw_only=True)
class Job:
    """One run of the command."""

    media: str | Path
    """A URL, or a local file."""
    server: str | None
    """Target of a running orchestrator; None starts a local stack."""
    access: Access
    """What that orchestrator wants to see."""
    model: str
    splitters: int
    options: Options
    headers: Mapping[str, str] = field(repr=False)
    """For the media host."""
    timeout_s: float | None


async def transcribe(job: Job, output: Output, reporter: Reporter) -> None:
    """Transcribe into `output`. Raises TranscriptionError, LocalStackError or OSError."""
    if job.server is not None:
        client = Client(job.server, tls=job.access.tls, token=job.access.token)
        await _transcribe_by(client, job, output, reporter)
        return
    async with LocalStack(model=job.model, splitters=job.splitters, tell=reporter.step) as stack:
        work = _transcribe_by(Client(stack.address), job, output, reporter)
        await _while_it_lives(stack, work, reporter)
        reporter.step("stopping the local stack")


async def _transcribe_by(client: Client, job: Job, output: Output, reporter: Reporter) -> None:
    reporter.step("asking for a plan")
    async with AsyncExitStack() as exits:
        url = await exits.enter_async_context(_url_of(job.media))
        await exits.enter_async_context(client)
        events = client.transcribe(
            url, job.options, media_headers=job.headers, timeout_s=job.timeout_s
        )
        await exits.enter_async_context(aclosing(events))
        async for event in events:
            match event:
                case Plan():
                    reporter.plan(event)
                    output.begin(event)
                case Progress():
                    reporter.progress(event)
                case Segment():
                    output.add(event)
                case Completed():
                    output.end(event)
                    reporter.completed(event)


@asynccontextmanager
async def _url_of(media: str | Path) -> AsyncIterator[str]:
    if isinstance(media, str):
        yield media
        return
    async with served_file(media) as url:
        try:
            yield url
        except TranscriptionError as error:
            if error.reason in (Reason.MEDIA_URL_FORBIDDEN, Reason.MEDIA_HOST_UNAVAILABLE):
                raise _unreachable_file(error) from error
            raise


def _unreachable_file(error: TranscriptionError) -> TranscriptionError:
    return TranscriptionError(
        error.reason,
        f"{error.message}. The file was offered to the server at this machine's loopback address: "
        "a server in a container or behind a port forward cannot read it there, and others must "
        "be allowed to (FANSCRIBE_MEDIA_ALLOWED_NETWORKS=127.0.0.0/8)",
        error.code,
    )


async def _while_it_lives(
    stack: LocalStack, work: Coroutine[Any, Any, None], reporter: Reporter
) -> None:
    """Do `work` until the stack dies; its death explains better what went wrong."""
    job = asyncio.create_task(work)
    watcher = asyncio.create_task(stack.watch(reporter.note))
    try:
        await asyncio.wait((job, watcher), return_when=asyncio.FIRST_COMPLETED)
        if job.done() and _may_be_the_stacks_fault(job.exception()):
            await asyncio.wait((watcher,), timeout=_NEWS_S)
        if watcher.done():
            await watcher
        await job
    finally:
        job.cancel()
        watcher.cancel()
        await asyncio.gather(job, watcher, return_exceptions=True)


def _may_be_the_stacks_fault(error: BaseException | None) -> bool:
    return isinstance(error, TranscriptionError) and error.code is grpc.StatusCode.UNAVAILABLE
