"""Jobs in this process: orchestrator and splitters as they are, over models of a test's own."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry

from fanscribe.media.access import MediaAccess
from fanscribe.media.headers import RequestHeaders
from fanscribe.media.timeline import SAMPLE_RATE
from fanscribe.orchestrator.discovery import StaticDiscovery
from fanscribe.orchestrator.events import Completed, Event, Planned, Told
from fanscribe.orchestrator.job import Parts, TranscriptionJob
from fanscribe.orchestrator.ledger import TextSegment
from fanscribe.orchestrator.metrics import OrchestratorMetrics
from fanscribe.orchestrator.options import Options
from fanscribe.orchestrator.planner import Planner
from fanscribe.orchestrator.scheduler import Scheduler
from fanscribe.orchestrator.splitters import SplitterPool
from fanscribe.runtime.errors import domain_error
from fanscribe.splitter.worker import Model
from tests.support.polling import eventually
from tests.support.splitter import splitter


@dataclass
class JobRun:
    """A job that is done."""

    events: list[Event]
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)

    @property
    def text(self) -> list[TextSegment]:
        return [event.segment for event in self.events if isinstance(event, Told)]

    @property
    def languages(self) -> set[str]:
        return {segment.language for segment in self.text}

    @property
    def planned(self) -> Planned:
        (planned,) = [event for event in self.events if isinstance(event, Planned)]
        return planned

    @property
    def completed(self) -> Completed:
        (completed,) = [event for event in self.events if isinstance(event, Completed)]
        return completed


async def run_job(
    media: MediaAccess,
    url: str,
    models: Sequence[Model],
    options: Options,
    *,
    attempts: int = 1,
    planned_chunks: int = 64,
    slow_caller: bool = False,
) -> JobRun:
    """Run a job over one splitter for each model. Raises FanscribeError.

    A slow caller takes the first text, and nothing more until all text is known.
    """
    run = JobRun([])
    metrics = OrchestratorMetrics(run.registry)
    loop = asyncio.get_running_loop()
    scheduler = Scheduler(metrics, loop.call_later, attempts=attempts, chunk_timeout_s=60)
    job = TranscriptionJob(
        "job",
        Parts(media, Planner(media, SAMPLE_RATE, 2), scheduler, metrics, 60, planned_chunks),
        url,
        headers=RequestHeaders.of({}),
        options=options,
        deadline_s=None,
    )

    async def emit(event: Event) -> None:
        run.events.append(event)
        if slow_caller and isinstance(event, Told):
            await eventually(lambda: not job.outstanding_samples(), "all text is known")

    try:
        async with AsyncExitStack() as exits:
            addresses = [
                await exits.enter_async_context(splitter(model, media)) for model in models
            ]
            pool = SplitterPool(StaticDiscovery(tuple(addresses)), scheduler, 60)
            async with asyncio.timeout(60), asyncio.TaskGroup() as group:
                running = group.create_task(pool.run())
                await job.run(emit)
                running.cancel()
    except ExceptionGroup as error:
        raise domain_error(error) or error from error
    return run
