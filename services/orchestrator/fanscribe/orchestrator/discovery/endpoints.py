"""What EndpointSlices say: which splitters want work."""

from collections.abc import Iterable, Mapping
from typing import Any

Slice = Mapping[str, Any]  # an EndpointSlice of discovery.k8s.io/v1, as its JSON


def ready_addresses(slices: Iterable[Slice], port_name: str) -> frozenset[str]:
    """Return host:port of every endpoint that is ready, at the port of this name.

    An endpoint that terminates is none, though it may still serve: it finishes what it has, and the
    stream to it stays up for that, but it is to be given nothing new. Each pod counts once, by its
    IPv4 address where it has one of each family: a second stream would count its slots twice.
    """
    by_pod: dict[str, str] = {}
    for one in sorted(slices, key=lambda one: str(one["addressType"])):
        port = _port(one, port_name)
        # Null, not empty, where a Service has no pods.
        for endpoint in one.get("endpoints") or ():
            if port is not None and _wants_work(endpoint):
                # All addresses of an endpoint lead to the same place.
                address = _host_port(endpoint["addresses"][0], port)
                pod = (endpoint.get("targetRef") or {}).get("uid", address)
                by_pod.setdefault(pod, address)
    return frozenset(by_pod.values())


def _host_port(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _port(one: Slice, name: str) -> int | None:
    ports = (port.get("port") for port in one.get("ports") or () if port.get("name") == name)
    return next(ports, None)


def _wants_work(endpoint: Mapping[str, Any]) -> bool:
    """Unknown conditions count as the API defines: ready and serving, and not terminating."""
    conditions = endpoint.get("conditions") or {}
    ready = conditions.get("ready") is not False
    # `ready` alone does not tell where the Service publishes pods that are not.
    serving = conditions.get("serving") is not False
    return ready and serving and not conditions.get("terminating")
