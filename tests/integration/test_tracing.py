"""A job is one trace across processes, when a collector is named."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from fanscribe.client import Client
from fanscribe.client.service_process import ServiceProcess
from tests.support.audio import joined_speech
from tests.support.polling import eventually
from tests.support.range_server import RangeServer
from tests.support.stack import orchestrator, splitters


@dataclass
class Collector(trace_service_pb2_grpc.TraceServiceServicer):
    """Keeps the spans it is sent, with the service that sent them."""

    spans: list[tuple[str, Span]] = field(default_factory=list)

    async def Export(  # noqa: N802
        self, request: Any, context: Any
    ) -> trace_service_pb2.ExportTraceServiceResponse:
        for resource in request.resource_spans:
            attributes = {one.key: one.value.string_value for one in resource.resource.attributes}
            for scope in resource.scope_spans:
                self.spans += [(attributes["service.name"], span) for span in scope.spans]
        return trace_service_pb2.ExportTraceServiceResponse()

    def named(self, name: str) -> list[tuple[str, Span]]:
        return [(service, span) for service, span in self.spans if span.name == name]


@asynccontextmanager
async def collecting() -> AsyncIterator[tuple[Collector, str]]:
    collector, server = Collector(), grpc.aio.server()
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(collector, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield collector, f"http://127.0.0.1:{port}"
    finally:
        await server.stop(0)


async def test_a_job_is_one_trace(
    stand_in: ServiceProcess,
    media_host: RangeServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    speech = joined_speech(tmp_path / "traced.wav", 70)
    url = media_host.add(speech.path.name, speech.path)
    async with collecting() as (collector, endpoint):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
        async with (
            splitters(2, stand_in.address, tmp_path) as hands,
            orchestrator(hands, tmp_path, macro_chunk_size_sec=30) as running,
            Client(running.address) as client,
        ):
            async for _ in client.transcribe(url):
                pass
            await eventually(lambda: collector.named("transcribe") != [], "the job's span")
            await eventually(lambda: len(collector.named("macro chunk")) >= 2, "the chunks' spans")
    (service, root), *others = collector.named("transcribe")
    assert (service, others) == ("fanscribe-orchestrator", [])
    assert {span.trace_id for _, span in collector.spans} == {root.trace_id}
    assert {span.parent_span_id for _, span in collector.named("macro chunk")} == {root.span_id}
    assert {service for service, _ in collector.named("micro chunk")} == {"fanscribe-splitter"}
    assert {"probe", "find boundary"} <= {span.name for _, span in collector.spans}
