"""Runs a splitter: `python -m fanscribe.splitter`, configured by FANSCRIBE_* variables."""

import asyncio
import logging

from fanscribe.media.access import MediaAccess
from fanscribe.runtime.logs import configure_logs
from fanscribe.runtime.metrics import new_registry
from fanscribe.runtime.pages import pages
from fanscribe.runtime.server import Bind, Server, stop_requested
from fanscribe.runtime.settings import read_settings
from fanscribe.runtime.tracing import tracing
from fanscribe.splitter.connection import Connection
from fanscribe.splitter.metrics import SplitterMetrics
from fanscribe.splitter.service import SplitterService
from fanscribe.splitter.settings import SplitterSettings
from fanscribe.splitter.slots import Slots
from fanscribe.splitter.transcription import Transcriber
from fanscribe.splitter.worker import Worker
from fanscribe.v1 import splitter_pb2, splitter_pb2_grpc

_log = logging.getLogger(__name__)

_READY_POLL_S = 2.0


async def serve(settings: SplitterSettings) -> None:
    """Serve until SIGTERM, then finish what is in hand for at most `drain_s`."""
    stop = stop_requested()
    registry = new_registry()
    metrics = SplitterMetrics(registry)
    slots = Slots(settings.slots, metrics)
    server = Server([splitter_pb2.DESCRIPTOR.services_by_name["Splitter"].full_name])
    media_access = MediaAccess(settings.source_policy(), settings.media_limits())
    bind = Bind(settings.host, settings.port)
    with pages(registry, server.health, settings.host, settings.metrics_port) as metrics_port:
        async with (
            media_access as media,
            Connection(settings) as connection,
        ):
            transcriber = Transcriber(connection, settings, metrics)
            service = SplitterService(Worker(media, transcriber, metrics), slots, metrics)
            splitter_pb2_grpc.add_SplitterServicer_to_server(service, server.grpc)
            async with server.listening(bind, grace_s=1, tls=settings.server_tls) as bound:
                addresses = {
                    "address": str(bound),
                    "metrics_address": str(Bind(settings.host, metrics_port)),
                }
                _log.info("serving", extra={"fields": addresses})
                await _follow_model(server, transcriber, stop)
                slots.drain()
                await server.set_ready(False)
                _log.info("draining")
                await _drained(slots, settings.drain_s)
    _log.info("stopped")


async def _follow_model(server: Server, transcriber: Transcriber, stop: asyncio.Event) -> None:
    """Be ready whenever the model is, until `stop` is set."""
    while not stop.is_set():
        await server.set_ready(await transcriber.ready())
        try:
            await asyncio.wait_for(stop.wait(), _READY_POLL_S)
        except TimeoutError:
            continue


async def _drained(slots: Slots, drain_s: float) -> None:
    """Wait until no slot is taken, for at most `drain_s`."""
    try:
        async with asyncio.timeout(drain_s):
            with slots.watched() as changed:
                while not slots.idle:
                    changed.clear()
                    await changed.wait()
    except TimeoutError:
        _log.warning("handing back the macro chunks still in hand after %s s", drain_s)


def main() -> None:
    """Read the settings and serve."""
    settings = read_settings(SplitterSettings)
    configure_logs("splitter", settings.log_level)
    with tracing("splitter"):
        asyncio.run(serve(settings))


if __name__ == "__main__":
    main()
