"""Which hosts tests may read recordings from."""

from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Final

from fanscribe.media.policy import SourcePolicy


def networks(*texts: str) -> tuple[IPv4Network | IPv6Network, ...]:
    """Read networks in CIDR notation."""
    return tuple(ip_network(text) for text in texts)


LOOPBACK: Final = SourcePolicy(networks("127.0.0.0/8"))
