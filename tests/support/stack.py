"""Services of a test's own beside a Triton that tests share, and what must hold of any stack."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from fanscribe.client import Progress, Segment
from fanscribe.client.events import Event
from fanscribe.client.service_process import ServiceProcess
from tests.support.metrics import Page, scrape
from tests.support.polling import eventually
from tests.support.processes import media_processes
from tests.support.range_server import RangeServer

_START_S = 60
_STOP_S = 15
_LOG_TAIL_BYTES = 4096
_DEFAULTS = {
    "host": "127.0.0.1",
    "port": 0,
    "http_port": 0,
    "metrics_port": 0,
    "drain_s": 5,
    "media_allowed_networks": "127.0.0.0/8",
}
_BACKLOG = (
    "fanscribe_jobs_active",
    "fanscribe_backlog_chunks",
    "fanscribe_backlog_audio_seconds",
)


class Services(Protocol):
    """An orchestrator and its splitters: a Cluster or a LocalStack."""

    @property
    def orchestrator(self) -> ServiceProcess: ...
    @property
    def splitters(self) -> Sequence[ServiceProcess]: ...


@dataclass
class Cluster:
    """An orchestrator and splitters of one test."""

    orchestrator: ServiceProcess
    splitters: list[ServiceProcess] = field(default_factory=list)

    @property
    def address(self) -> str:
        """Where the orchestrator answers."""
        return self.orchestrator.address


@asynccontextmanager
async def service(kind: str, folder: Path, **settings: object) -> AsyncIterator[ServiceProcess]:
    """Run `fanscribe.KIND` on free ports while inside, with its log in `folder`.

    `settings` are those of the service by their lower-case names: `slots=1`. If the test fails, the
    end of the log is told.
    """
    async with _serving([await _start(kind, kind, folder, settings)]) as (process,):
        yield process


@asynccontextmanager
async def splitters(
    count: int, inference_address: str, folder: Path, **settings: object
) -> AsyncIterator[list[ServiceProcess]]:
    """Run splitters on a Triton while inside."""
    settings = {"inference_address": inference_address, **settings}
    names = [f"splitter-{number}" for number in range(1, count + 1)]
    started = [await _start("splitter", name, folder, settings) for name in names]
    async with _serving(started):
        yield started


@asynccontextmanager
async def orchestrator(
    over: Sequence[ServiceProcess], folder: Path, **settings: object
) -> AsyncIterator[Cluster]:
    """Run an orchestrator over these splitters while inside."""
    addresses = ",".join(splitter.address for splitter in over)
    async with service("orchestrator", folder, splitters=addresses, **settings) as process:
        yield Cluster(process, list(over))


async def _start(
    kind: str, name: str, folder: Path, settings: Mapping[str, object]
) -> ServiceProcess:
    environment = {
        f"FANSCRIBE_{key.upper()}": str(value) for key, value in {**_DEFAULTS, **settings}.items()
    }
    return await ServiceProcess.start(
        name, f"fanscribe.{kind}", environment, folder / f"{name}.log"
    )


@asynccontextmanager
async def _serving(processes: list[ServiceProcess]) -> AsyncIterator[list[ServiceProcess]]:
    try:
        for process in processes:
            await process.wait_until_serving(_START_S)
        yield processes
    except Exception as error:
        for process in processes:
            error.add_note(log_tail(process))
        raise
    finally:
        await asyncio.gather(*(process.stop(_STOP_S) for process in processes))


async def metrics_of(process: ServiceProcess) -> Page:
    """Scrape a service."""
    return await scrape(process.metrics_address)


async def reached(events: AsyncIterator[Event], macro_chunks_done: int) -> None:
    """Follow a job until so many of its macro chunks are done."""
    async for event in events:
        if isinstance(event, Progress) and event.macro_chunks_done >= macro_chunks_done:
            return
    raise AssertionError("the job ended before")


async def first_segment(events: AsyncIterator[Event]) -> None:
    """Follow a job until it has told its first text."""
    async for event in events:
        if isinstance(event, Segment):
            return
    raise AssertionError("the job ended without text")


async def nothing_left_running(services: Services, media_host: RangeServer) -> None:
    """Wait until nothing of any job is left: no child, no request, no slot, no backlog."""
    left: list[str] = []

    async def clean() -> bool:
        left[:] = await _leftovers(services)
        if media_host.open_requests:
            left.append(f"{media_host.open_requests} requests at the media host")
        return not left

    try:
        await eventually(clean, "nothing is left running")
    except AssertionError as error:
        error.add_note(", ".join(left))
        raise


async def is_idle(splitter: ServiceProcess) -> bool:
    """Whether a splitter has no chunk in hand and nothing on Triton."""
    page = await metrics_of(splitter)
    used = page.total("fanscribe_splitter_slots", state="used")
    return not used and not page.total("fanscribe_splitter_inference_in_flight")


async def _leftovers(services: Services) -> list[str]:
    """Name what still runs for jobs."""
    running = [one for one in (services.orchestrator, *services.splitters) if one.running]
    left = [
        f"{child.name()} of {process.name}"
        for process in running
        for child in media_processes(process.pid)
    ]
    left += [
        f"work of {one.name}"
        for one in services.splitters
        if one in running and not await is_idle(one)
    ]
    if services.orchestrator in running:
        page = await metrics_of(services.orchestrator)
        left += [name for name in _BACKLOG if page.total(name)]
    return left


def log_tail(process: ServiceProcess) -> str:
    """The end of a service's log."""
    tail = process.log_path.read_bytes()[-_LOG_TAIL_BYTES:].decode(errors="replace")
    return f"{process.log_path} ends with:\n{tail}"
