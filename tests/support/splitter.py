"""A splitter in this process, over a model of the test's own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from prometheus_client import CollectorRegistry

from fanscribe.media.access import MediaAccess
from fanscribe.runtime.server import Bind, Server
from fanscribe.splitter.metrics import SplitterMetrics
from fanscribe.splitter.service import SplitterService
from fanscribe.splitter.slots import Slots
from fanscribe.splitter.worker import Model, Worker
from fanscribe.v1 import splitter_pb2_grpc


@asynccontextmanager
async def splitter(model: Model, media: MediaAccess, slots: int = 2) -> AsyncIterator[str]:
    """Serve a splitter while inside; yields its address."""
    metrics = SplitterMetrics(CollectorRegistry())
    service = SplitterService(Worker(media, model, metrics), Slots(slots, metrics), metrics)
    server = Server(["fanscribe.v1.Splitter"])
    splitter_pb2_grpc.add_SplitterServicer_to_server(service, server.grpc)
    async with server.listening(Bind("127.0.0.1", 0), grace_s=0) as bound:
        yield str(bound)
