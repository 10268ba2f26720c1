"""The API server's EndpointSlices of one Service: listed, then watched. All of it blocks."""

import json
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, Protocol

import urllib3
from kubernetes import client, config
from urllib3.exceptions import HTTPError

from fanscribe.orchestrator.discovery.endpoints import Slice

_CONNECT_S: Final = 5.0
# Answers are a few kB; far more is no API server.
_LONGEST_ANSWER_BYTES: Final = 64 * 1024 * 1024
_READ_BYTES: Final = 64 * 1024


class ApiError(Exception):
    """The API server failed, or cannot be reached. `kind` is for a metric."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class ApiDeniedError(ApiError):
    """It does not let us, or we have no credentials for it."""


class ApiExpiredError(ApiError):
    """It knows no more what has changed since the version asked for: list again."""


@dataclass(frozen=True)
class Listed:
    """All slices of the Service."""

    slices: tuple[Slice, ...]
    version: str  # to watch from


@dataclass(frozen=True)
class Event:
    """A change: ADDED, MODIFIED, DELETED, or a BOOKMARK, which just tells a later version."""

    kind: str
    slice: Slice


class EndpointSlices(Protocol):
    """Blocking access to the slices of one Service; each method raises ApiError."""

    def list(self) -> Listed:
        """All there are now."""

    def watch(self, version: str) -> Iterator[Event]:
        """What has changed since `version`, as it happens, until the server ends the watch."""

    def close(self) -> None:
        """End a watch at once, from any thread, and have no other."""


class ServiceEndpointSlices:
    """Those of a Service, with the pod's service account, or else what KUBECONFIG names.

    The service account needs `list` and `watch` of endpointslices.discovery.k8s.io in `namespace`.
    They stay JSON: the client's models refuse null endpoints, which a Service without pods has.
    """

    def __init__(self, namespace: str, service: str, answer_s: float, watch_s: int) -> None:
        """Lists are answered within `answer_s`; a watch is asked to end after `watch_s`."""
        self._namespace = namespace
        self._service = service
        self._answer_s = answer_s
        self._watch_s = watch_s
        self._slices: client.DiscoveryV1Api | None = None
        self._lock = threading.Lock()
        self._watching: urllib3.HTTPResponse | None = None
        self._closed = False

    def list(self) -> Listed:
        """All there are now."""
        with self._answer(self._answer_s) as response:
            listed = _json(response.read(_LONGEST_ANSWER_BYTES))
        try:
            return Listed(tuple(listed["items"] or ()), listed["metadata"]["resourceVersion"])
        except (KeyError, TypeError) as error:
            raise ApiError("malformed", "the answer is no list of EndpointSlices") from error

    def watch(self, version: str) -> Iterator[Event]:
        """What has changed since `version`, as it happens, until the server ends the watch."""
        # Silence beyond the time it was given: there is nobody at the other end.
        with self._answer(
            self._watch_s + self._answer_s,
            watch=True,
            allow_watch_bookmarks=True,
            resource_version=version,
            timeout_seconds=self._watch_s,
        ) as response:
            with self._lock:
                if self._closed:
                    return
                self._watching = response
            try:
                for line in _lines(response):
                    yield _event(_json(line))
            finally:
                with self._lock:
                    self._watching = None

    def close(self) -> None:
        """End a watch at once, from any thread, and have no other."""
        with self._lock:
            self._closed = True
            if self._watching is not None:
                self._watching.shutdown()

    @contextmanager
    def _answer(self, silence_s: float, **options: Any) -> Iterator[urllib3.HTTPResponse]:
        """Ask for the slices; raises ApiError now or while the answer is read."""
        if self._slices is None:
            self._slices = _api()
        try:
            response: Any = self._slices.list_namespaced_endpoint_slice(
                self._namespace,
                label_selector=f"kubernetes.io/service-name={self._service}",
                _request_timeout=(_CONNECT_S, silence_s),
                _preload_content=False,
                **options,
            )
            try:
                yield response
            finally:
                response.close()  # a watch must not go back to the pool half read
        except client.ApiException as error:
            raise _refusal(error.status or 0, error.body or str(error.reason)) from error
        except (HTTPError, OSError) as error:
            raise ApiError("unreachable", str(error)) from error


def _api() -> client.DiscoveryV1Api:
    settings = client.Configuration()
    try:
        try:
            config.load_incluster_config(client_configuration=settings)  # type: ignore[no-untyped-call]
        except config.ConfigException:
            config.load_kube_config(  # type: ignore[no-untyped-call]
                # The client would take the one that was set when it was imported.
                os.environ.get("KUBECONFIG"),
                client_configuration=settings,
                persist_config=False,
            )
    except config.ConfigException as error:
        raise ApiDeniedError("denied", f"no service account and no KUBECONFIG: {error}") from error
    settings.retries = urllib3.Retry(0, redirect=False)  # whoever asks decides when to ask again
    return client.DiscoveryV1Api(client.ApiClient(settings))


def _lines(response: urllib3.HTTPResponse) -> Iterator[bytes]:
    """Whole lines as they arrive; the piece of one that a broken connection leaves is dropped."""
    pending = b""
    while piece := response.read1(_READ_BYTES):
        *lines, pending = (pending + piece).split(b"\n")
        yield from filter(None, lines)
        if len(pending) > _LONGEST_ANSWER_BYTES:
            break
    if pending:
        raise ApiError("malformed", "the answer ends in the middle of an event")


def _event(event: Mapping[str, Any]) -> Event:
    try:
        kind, told = event["type"], event["object"]
        if kind == "ERROR":
            raise _status_error(told.get("code", 0), told)
        _ = told["metadata"]["resourceVersion"]
        return Event(kind, told)
    except (KeyError, TypeError, AttributeError) as error:
        raise ApiError("malformed", "the answer holds something that is no event") from error


def _refusal(status: int, body: str | bytes) -> ApiError:
    try:
        return _status_error(status, _json(body))
    except ApiError:  # those in front of it may answer no JSON
        return _status_error(status, {"message": body[:200]})


def _status_error(status: int, told: Mapping[str, Any]) -> ApiError:
    message = f"{status} {told.get('reason', '')}: {told.get('message', '')}"
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return ApiDeniedError("denied", message)
    if status == HTTPStatus.GONE:
        return ApiExpiredError("expired", message)
    return ApiError(f"status_{status}", message)


def _json(text: str | bytes) -> Mapping[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise ApiError("malformed", "the answer is no JSON") from error
    if not isinstance(value, dict):
        raise ApiError("malformed", "the answer is no JSON object")
    return value
