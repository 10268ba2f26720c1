"""The discovery that the settings ask for."""

from functools import partial

from fanscribe.orchestrator.discovery import Discovery, StaticDiscovery
from fanscribe.orchestrator.discovery.dns import DnsDiscovery
from fanscribe.orchestrator.discovery.settings import DiscoverySettings
from fanscribe.orchestrator.metrics import DiscoveryMetrics

_ANSWER_S = 10.0
# A connection that died without a word goes unnoticed for as long.
_WATCH_S = 60


def discovery_of(settings: DiscoverySettings, metrics: DiscoveryMetrics) -> Discovery:
    """Wire it."""
    if settings.discovery == "static":
        metrics.listed("static", len(settings.splitters))
        return StaticDiscovery(settings.splitters)
    dns = DnsDiscovery(settings.splitter_host, settings.splitter_port, metrics)
    if settings.discovery == "dns":
        return dns
    # Only here: the client takes a second and 40 MiB.
    from fanscribe.orchestrator.discovery.api import ServiceEndpointSlices  # noqa: PLC0415
    from fanscribe.orchestrator.discovery.cluster import KubernetesDiscovery  # noqa: PLC0415

    connect = partial(
        ServiceEndpointSlices, settings.namespace, settings.splitter_service, _ANSWER_S, _WATCH_S
    )
    return KubernetesDiscovery(connect, settings.splitter_port_name, dns, metrics)
