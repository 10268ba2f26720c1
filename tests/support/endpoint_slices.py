"""An API server that lists and watches EndpointSlices, and misbehaves on request."""

import asyncio
import base64
import json
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import trustme
from aiohttp import web

NAMESPACE = "speech"
SERVICE = "fanscribe-splitter"
_PATH = f"/apis/discovery.k8s.io/v1/namespaces/{NAMESPACE}/endpointslices"
_KIND = {"kind": "EndpointSlice", "apiVersion": "discovery.k8s.io/v1"}
_UID = "0d9a2c5e-6f0b-4c39-8a53-6a1f1e6f{:04d}"


def endpoint(
    host: str, pod: int = 0, *, ready: bool | None = True, terminating: bool | None = False
) -> dict[str, Any]:
    """An endpoint as the API server writes it; `pod` numbers the pod behind it."""
    conditions = {"ready": ready, "serving": ready, "terminating": terminating}
    return {
        "addresses": [host],
        "conditions": {key: value for key, value in conditions.items() if value is not None},
        "nodeName": "gpu-pool-1",
        "targetRef": {
            "kind": "Pod",
            "namespace": NAMESPACE,
            "name": f"{SERVICE}-6d5f{pod}",
            "uid": _UID.format(pod),
        },
        "zone": "europe-west4-a",
    }


def endpoint_slice(
    name: str,
    endpoints: Sequence[Mapping[str, Any]] | None,
    port: int | None = 50051,
    *,
    port_name: str = "grpc",
    address_type: str = "IPv4",
) -> dict[str, Any]:
    """An EndpointSlice of the splitters' Service as the API server writes it."""
    ports = [
        {"name": "metrics", "port": 9090, "protocol": "TCP"},
        {"name": port_name, "port": port, "protocol": "TCP", "appProtocol": "grpc"},
    ]
    return {
        "metadata": {
            "name": name,
            "generateName": f"{SERVICE}-",
            "namespace": NAMESPACE,
            "uid": "7b1f0f54-3a86-4be8-93f5-1a5c0a4cb1de",
            "generation": 3,
            "creationTimestamp": "2026-11-20T09:12:44Z",
            "labels": {
                "app.kubernetes.io/component": "splitter",
                "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
                "kubernetes.io/service-name": SERVICE,
                "service.kubernetes.io/headless": "",
            },
            "annotations": {
                "endpoints.kubernetes.io/last-change-trigger-time": "2026-11-20T09:12:44Z"
            },
            "ownerReferences": [
                {"apiVersion": "v1", "kind": "Service", "name": SERVICE, "controller": True}
            ],
        },
        "addressType": address_type,
        "endpoints": None if endpoints is None else list(endpoints),
        "ports": ports if endpoints else None,
    }


def status(code: int, reason: str, message: str) -> dict[str, Any]:
    """A failure as the API server writes it."""
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": reason,
        "code": code,
    }


GONE = status(410, "Expired", "too old resource version: 1001 (1007)")
FORBIDDEN = status(
    403,
    "Forbidden",
    f'endpointslices.discovery.k8s.io is forbidden: User "system:serviceaccount:{NAMESPACE}:a"'
    f' cannot list resource "endpointslices" in API group "discovery.k8s.io" in the namespace '
    f'"{NAMESPACE}"',
)


@dataclass(eq=False)
class _Watch:
    request: web.Request
    lines: asyncio.Queue[bytes | None] = field(default_factory=asyncio.Queue)


class EndpointSliceServer:
    """Serves the slices of one Service at https://127.0.0.1:port. An async context manager."""

    def __init__(self) -> None:
        self.requests: list[dict[str, str]] = []
        """The query of every request."""
        self.refusal: Mapping[str, Any] | None = None
        """Answered to every request in place of slices."""
        self.body: bytes | None = None
        """Likewise, with status 200."""
        self.expired_as_event = True
        """Whether a watch that starts too early is told so in its stream; if not, by the status."""
        self.open_for_answers = asyncio.Event()
        """While cleared, no request is answered."""
        self.open_for_answers.set()
        self.version = 1000
        self._oldest_version = 1000
        self._slices: dict[str, dict[str, Any]] = {}
        self._history: list[tuple[int, bytes]] = []
        self._watches: set[_Watch] = set()
        self._runner: web.AppRunner | None = None
        self._port = 0
        self._transports: set[asyncio.WriteTransport] = set()
        self._authority = trustme.CA()

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self._port}"

    @property
    def watches(self) -> int:
        """How many watches are open."""
        return len(self._watches)

    @property
    def lists(self) -> int:
        """How many lists were asked for."""
        return sum("watch" not in request for request in self.requests)

    async def __aenter__(self) -> Self:
        await self.appear()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.open_for_answers.set()
        await self.vanish()

    async def appear(self) -> None:
        """Serve, at the same port as before."""
        app = web.Application()
        app.router.add_get(_PATH, self._answer)
        runner = web.AppRunner(
            app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1
        )
        await runner.setup()
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._authority.issue_cert("127.0.0.1").configure_cert(tls)
        await web.TCPSite(runner, "127.0.0.1", self._port, ssl_context=tls).start()
        self._runner, self._port = runner, runner.addresses[0][1]

    async def vanish(self) -> None:
        """Be absent: connections break and none is accepted."""
        runner, self._runner = self._runner, None
        if runner is not None:
            for transport in self._transports:
                transport.abort()
            self._transports.clear()
            await runner.cleanup()

    def kubeconfig(self, folder: Path) -> Path:
        """Write a file that leads here."""
        authority = base64.b64encode(self._authority.cert_pem.bytes()).decode()
        cluster = {"server": self.url, "certificate-authority-data": authority}
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "test",
            "clusters": [{"name": "test", "cluster": cluster}],
            "users": [{"name": "test", "user": {"token": "a-token"}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        }
        path = folder / "kubeconfig"
        path.write_text(json.dumps(content))  # which is YAML
        return path

    def put(self, one: dict[str, Any]) -> None:
        """Add a slice, or change it."""
        name = one["metadata"]["name"]
        self._change("MODIFIED" if name in self._slices else "ADDED", one)
        self._slices[name] = one

    def delete(self, name: str) -> None:
        """Delete a slice."""
        self._change("DELETED", self._slices.pop(name))

    def put_none(self) -> None:
        """Leave the Service without pods."""
        for name in list(self._slices):
            self.put(endpoint_slice(name, None))

    def bookmark(self) -> None:
        """Tell those who watch the version there is now, which a change of others has made."""
        self.version += 1
        about = {
            **_KIND,
            "metadata": {"resourceVersion": str(self.version)},
            "endpoints": None,
            "ports": None,
            "addressType": "",
        }
        self._send(_line("BOOKMARK", about))

    def expire(self) -> None:
        """Forget all changes so far, as after a compaction."""
        self.version += 1
        self._oldest_version = self.version

    def end_watches(self) -> None:
        """End all watches as when their time is up."""
        for watch in self._watches:
            watch.lines.put_nowait(None)

    def drop(self) -> None:
        """Break all connections, in the middle of an event."""
        for watch in self._watches:
            transport = _transport(watch.request)
            transport.write(b'30\r\n{"type":"MODIFIED","object":{"kind":"Endpoi')
            transport.abort()

    def fail_watches(self, failure: Mapping[str, Any]) -> None:
        """Tell those who watch an error."""
        self._send(_line("ERROR", failure))
        self.end_watches()

    def _change(self, kind: str, one: dict[str, Any]) -> None:
        self.version += 1
        one["metadata"]["resourceVersion"] = str(self.version)
        line = _line(kind, {**_KIND, **one})
        self._history.append((self.version, line))
        self._send(line)

    def _send(self, line: bytes) -> None:
        for watch in self._watches:
            watch.lines.put_nowait(line)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        query = dict(request.query)
        self.requests.append(query)
        self._transports.add(_transport(request))
        await self.open_for_answers.wait()
        assert query["labelSelector"] == f"kubernetes.io/service-name={SERVICE}"
        assert request.headers["Authorization"] == "Bearer a-token"
        if self.refusal is not None:
            return web.json_response(self.refusal, status=self.refusal["code"])
        if self.body is not None:
            return web.Response(body=self.body, content_type="application/json")
        if "watch" in query:
            return await self._watch(request, int(query["resourceVersion"]))
        return web.json_response(
            {
                "kind": "EndpointSliceList",
                "apiVersion": "discovery.k8s.io/v1",
                "metadata": {"resourceVersion": str(self.version)},
                "items": list(self._slices.values()),
            }
        )

    async def _watch(self, request: web.Request, version: int) -> web.StreamResponse:
        expired = version < self._oldest_version
        if expired and not self.expired_as_event:
            return web.json_response(GONE, status=410)
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        watch = _Watch(request)
        missed = [line for at, line in self._history if at > version]
        for line in [_line("ERROR", GONE), None] if expired else missed:
            watch.lines.put_nowait(line)
        with self._watching(watch):
            await response.prepare(request)
            while (line := await watch.lines.get()) is not None:
                await response.write(line)
        return response

    @contextmanager
    def _watching(self, watch: _Watch) -> Iterator[None]:
        self._watches.add(watch)
        try:
            yield
        finally:
            self._watches.discard(watch)


def _transport(request: web.Request) -> asyncio.WriteTransport:
    assert isinstance(request.transport, asyncio.WriteTransport)
    return request.transport


def _line(kind: str, about: Mapping[str, Any]) -> bytes:
    return json.dumps({"type": kind, "object": about}).encode() + b"\n"
