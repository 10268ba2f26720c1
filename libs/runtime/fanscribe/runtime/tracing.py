"""The home of OpenTelemetry: spans of a job across processes, when a collector is named.

Without OTEL_EXPORTER_OTLP_ENDPOINT spans cost next to nothing and go nowhere. With it (and the
`tracing` extra installed) they are sent there by OTLP over gRPC; OpenTelemetry's other OTEL_*
variables hold too.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from opentelemetry import propagate, trace

from fanscribe.runtime.errors import domain_error

_tracer = trace.get_tracer("fanscribe")


@contextmanager
def tracing(service: str) -> Iterator[None]:
    """Send the spans of this process to the collector while inside; on leaving, the last ones."""
    if not os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        yield
        return
    # Only here: whoever does not trace need not install them.
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import (  # noqa: PLC0415
        OTLPSpanExporter,
    )
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    provider = TracerProvider(resource=Resource.create({"service.name": f"fanscribe-{service}"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    try:
        yield
    finally:
        provider.shutdown()


@contextmanager
def span(
    name: str, parent: Mapping[str, str] | None = None, **attributes: str | int
) -> Iterator[None]:
    """Trace what happens inside, as part of the span around it or of `parent` (see `carrier`)."""
    context = propagate.extract(parent) if parent is not None else None
    with _tracer.start_as_current_span(
        name, context, attributes=attributes, record_exception=False, set_status_on_exception=False
    ) as current:
        try:
            yield
        except BaseException as error:
            known = domain_error(error)
            description = known.reason if known else type(error).__name__
            current.set_status(trace.Status(trace.StatusCode.ERROR, description))
            raise


def carrier() -> dict[str, str]:
    """The current span as W3C trace context headers, for another process to continue."""
    headers: dict[str, str] = {}
    propagate.inject(headers)
    return headers
