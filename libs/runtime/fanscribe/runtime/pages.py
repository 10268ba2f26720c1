"""The HTTP pages of a process: `/metrics` for Prometheus, `/readyz` and `/healthz` for probes."""

import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.exposition import ThreadingWSGIServer

from fanscribe.runtime.health import Health

_App = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


@contextmanager
def pages(registry: CollectorRegistry, health: Health, host: str, port: int) -> Iterator[int]:
    """Serve the pages while inside; yields the port (`port` 0 picks a free one).

    In plain HTTP, whatever gRPC speaks: the kubelet's gRPC probes know no TLS, and Prometheus has
    no certificate. There is nothing on them that is anybody's secret.
    """
    app = _app(registry, health)
    with make_server(host, port, app, _server_class(host), handler_class=_Silent) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def _app(registry: CollectorRegistry, health: Health) -> _App:
    metrics: _App = make_wsgi_app(registry)

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        match environ["PATH_INFO"]:
            case "/metrics":
                return metrics(environ, start_response)
            case "/readyz":
                return _probed(health.ready, start_response)
            case "/healthz":
                return _probed(health.alive(), start_response)
            case _:
                return _told(
                    "404 Not Found", "there are /metrics, /readyz and /healthz", start_response
                )

    return answer


def _probed(good: bool, start_response: Callable[..., Any]) -> Iterable[bytes]:
    if good:
        return _told("200 OK", "yes", start_response)
    return _told("503 Service Unavailable", "no", start_response)


def _told(status: str, text: str, start_response: Callable[..., Any]) -> Iterable[bytes]:
    # A list of its own: the server adds to it, the length of this very answer among others.
    start_response(status, [("Content-Type", "text/plain; charset=utf-8")])
    return [f"{text}\n".encode()]


def _server_class(host: str) -> type[ThreadingWSGIServer]:
    family, *_ = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)[0]
    return type("_Server", (ThreadingWSGIServer,), {"address_family": family})


class _Silent(WSGIRequestHandler):
    """Logs no requests: they come every few seconds."""

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  its name there
        """Say nothing."""
