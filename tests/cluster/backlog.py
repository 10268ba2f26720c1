"""What orchestrators and Triton would tell Prometheus, as a test says."""

from types import TracebackType
from typing import Self

from prometheus_client import CollectorRegistry, Gauge, start_http_server

from fanscribe.media.timeline import SAMPLE_RATE
from fanscribe.orchestrator.metrics import Backlog, OrchestratorMetrics


class Work:
    """A page of an orchestrator's own metrics, and of Triton's that KEDA asks for."""

    def __init__(self) -> None:
        registry = CollectorRegistry()
        self._orchestrator = OrchestratorMetrics(registry)
        self._queue = Gauge(
            "nv_inference_queue_duration_us", "As Triton has it.", ["model"], registry=registry
        )
        self._queue.labels("whisper").set(0)
        self._server, self._thread = start_http_server(0, "127.0.0.1", registry)
        self.address = f"127.0.0.1:{self._server.server_port}"

    def outstanding(self, chunks: int, audio_s: float) -> None:
        """Say what is to be done."""
        self._orchestrator.publish(
            Backlog(
                jobs=1,
                queued_chunks=chunks,
                running_chunks=0,
                queued_samples=round(audio_s * SAMPLE_RATE),
                running_samples=0,
                splitters=0,
                free_slots=0,
            )
        )

    def done(self, audio_s: float) -> None:
        """Say that so much more audio became text."""
        self._orchestrator.audio_seconds.inc(audio_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
