"""The life of a gRPC server: serve, tell its health, drain on SIGTERM, leave with 0."""

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from grpc import aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from fanscribe.runtime.channels import MESSAGE_LIMIT_BYTES
from fanscribe.runtime.health import Health
from fanscribe.runtime.statuses import StatusInterceptor
from fanscribe.runtime.tls import ServerTls, server_credentials

_log = logging.getLogger(__name__)

# A name for health checks that asks whether the process works, not whether it wants traffic.
LIVE: Final = "live"


@dataclass(frozen=True)
class Bind:
    """Where a server listens."""

    host: str
    port: int  # 0 picks a free one

    def __str__(self) -> str:
        """Render as `host:port`, an IPv6 host in brackets."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Server:
    """A gRPC server with health and reflection.

    Every service is NOT_SERVING until `set_ready(True)`, and again from the moment it drains. The
    server as a whole (the service named "") answers the same; `LIVE` serves for as long as it
    listens. `interceptors` come before the services.
    """

    def __init__(
        self, service_names: Iterable[str], interceptors: Sequence[aio.ServerInterceptor] = ()
    ) -> None:
        self.health = Health()
        """The same for probes that do not speak gRPC."""
        self.grpc = aio.server(
            interceptors=[*interceptors, StatusInterceptor()],
            options=[
                ("grpc.max_receive_message_length", MESSAGE_LIMIT_BYTES),
                ("grpc.max_send_message_length", MESSAGE_LIMIT_BYTES),
                # A port belongs to one process: a second one must fail, not share it.
                ("grpc.so_reuseport", 0),
                # Clients may ping idle streams this often to notice a dead peer.
                ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
                ("grpc.keepalive_permit_without_calls", 1),
                ("grpc.keepalive_time_ms", 30_000),
                ("grpc.keepalive_timeout_ms", 10_000),
            ],
        )
        self._names = ("", *service_names)
        self._servicer = health.aio.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self._servicer, self.grpc)
        reflection.enable_server_reflection(
            (*service_names, health.SERVICE_NAME, reflection.SERVICE_NAME), self.grpc
        )

    async def set_ready(self, ready: bool) -> None:
        """Tell health checks whether this server wants traffic."""
        states = health_pb2.HealthCheckResponse
        self.health.ready = ready
        for name in self._names:
            await self._servicer.set(name, states.SERVING if ready else states.NOT_SERVING)

    @asynccontextmanager
    async def listening(
        self, bind: Bind, grace_s: float, tls: ServerTls | None = None
    ) -> AsyncIterator[Bind]:
        """Serve while inside, by TLS or in plain text; yields where.

        On leaving, calls get `grace_s` to end.
        """
        await self.set_ready(False)
        await self._servicer.set(LIVE, health_pb2.HealthCheckResponse.SERVING)
        if tls is None:
            port = self.grpc.add_insecure_port(str(bind))
        else:
            port = self.grpc.add_secure_port(str(bind), server_credentials(tls))
        await self.grpc.start()
        try:
            yield Bind(bind.host, port)
        finally:
            # From here on health stays NOT_SERVING whatever anybody sets.
            self.health.ready = False
            await self._servicer.enter_graceful_shutdown()
            await self.grpc.stop(grace_s)


def stop_requested() -> asyncio.Event:
    """Return an event that SIGTERM and SIGINT set, in place of ending the process."""
    event = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signal_number, event.set)
    return event
