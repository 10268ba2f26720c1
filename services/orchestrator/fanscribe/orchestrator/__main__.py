"""Runs an orchestrator: `python -m fanscribe.orchestrator`, configured by FANSCRIBE_* variables."""

import asyncio
import logging

from fanscribe.media.access import MediaAccess
from fanscribe.media.timeline import samples_of_s
from fanscribe.orchestrator.discovery.wiring import discovery_of
from fanscribe.orchestrator.job import Parts
from fanscribe.orchestrator.metrics import DiscoveryMetrics, OrchestratorMetrics
from fanscribe.orchestrator.planner import Planner
from fanscribe.orchestrator.scheduler import Scheduler
from fanscribe.orchestrator.service import TranscriberService
from fanscribe.orchestrator.settings import OrchestratorSettings
from fanscribe.orchestrator.splitters import SplitterPool
from fanscribe.runtime.logs import configure_logs
from fanscribe.runtime.metrics import new_registry
from fanscribe.runtime.pages import pages
from fanscribe.runtime.server import Bind, Server, stop_requested
from fanscribe.runtime.settings import read_settings
from fanscribe.runtime.tls import ClientCredentials
from fanscribe.runtime.tokens import TokenInterceptor, Tokens
from fanscribe.runtime.tracing import tracing
from fanscribe.v1 import transcriber_pb2, transcriber_pb2_grpc

_log = logging.getLogger(__name__)


async def serve(settings: OrchestratorSettings) -> None:
    """Serve until SIGTERM, then let jobs go on for at most `drain_s`."""
    stop = stop_requested()
    registry = new_registry()
    metrics = OrchestratorMetrics(registry)
    scheduler = Scheduler(
        metrics,
        asyncio.get_running_loop().call_later,
        settings.chunk_attempts,
        settings.chunk_timeout_s,
    )
    discovery = discovery_of(settings, DiscoveryMetrics(registry))
    splitter_tls = settings.splitter_tls
    credentials = ClientCredentials(splitter_tls) if splitter_tls else None
    pool = SplitterPool(discovery, scheduler, settings.chunk_timeout_s, credentials)
    interceptors = []
    if settings.tokens_file is not None:
        interceptors.append(TokenInterceptor(Tokens(settings.tokens_file), metrics.call_refused))
    transcriber = transcriber_pb2.DESCRIPTOR.services_by_name["Transcriber"].full_name
    server = Server([transcriber], interceptors)
    media_access = MediaAccess(settings.source_policy(), settings.media_limits())
    with pages(registry, server.health, settings.host, settings.metrics_port) as metrics_port:
        async with media_access as media, asyncio.TaskGroup() as group:
            reach_samples = samples_of_s(settings.boundary_reach_s)
            planner = Planner(media, reach_samples, settings.boundary_searches)
            parts = Parts(
                media,
                planner,
                scheduler,
                metrics,
                settings.splitter_wait_s,
                settings.planned_chunks,
            )
            service = TranscriberService(parts, settings)
            transcriber_pb2_grpc.add_TranscriberServicer_to_server(service, server.grpc)
            links = group.create_task(pool.run())
            bind = Bind(settings.host, settings.port)
            async with server.listening(bind, grace_s=1, tls=settings.server_tls) as bound:
                # Ready whether or not there are splitters: waiting jobs are what starts them.
                await server.set_ready(True)
                addresses = {
                    "address": str(bound),
                    "metrics_address": str(Bind(settings.host, metrics_port)),
                }
                _log.info("serving", extra={"fields": addresses})
                await stop.wait()
                # Still listening: health checks and callers are told, not left without an answer.
                service.close()
                await server.set_ready(False)
                _log.info("draining")
                await service.drained(settings.drain_s)
            links.cancel()
    _log.info("stopped")


def main() -> None:
    """Read the settings and serve."""
    settings = read_settings(OrchestratorSettings)
    configure_logs("orchestrator", settings.log_level)
    with tracing("orchestrator"):
        asyncio.run(serve(settings))


if __name__ == "__main__":
    main()
