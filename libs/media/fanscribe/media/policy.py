"""Which URLs may be fetched: the guard between callers and the network we stand in."""

import ipaddress
import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from yarl import URL

from fanscribe.runtime.errors import FanscribeError, Reason

# Not public, though Python's tables (or the registries) hold them for it.
_NOT_PUBLIC = (
    # Transition prefixes carry an IPv4 address inside, which nobody else would check.
    IPv6Network("2002::/16"),
    IPv6Network("2001::/32"),
    IPv6Network("64:ff9b::/96"),
    # Cloud providers answer their own virtual machines there, with credentials.
    IPv4Network("192.0.0.0/24"),
    IPv4Network("168.63.129.16/32"),
)
_MAX_URL_CHARACTERS = 8192


def parse_networks(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    """Parse networks separated by commas ("127.0.0.0/8,::1/128"). Raises ValueError."""
    return tuple(ipaddress.ip_network(part.strip()) for part in text.split(",") if part.strip())


@dataclass(frozen=True)
class SourcePolicy:
    """Which URLs may be fetched: http and https, at public addresses.

    Names are judged by the addresses they resolve to, at the moment of connecting; see
    `CheckedResolver`.
    """

    # Allowed though they are not public.
    allowed_networks: tuple[IPv4Network | IPv6Network, ...] = ()
    # Followed for one request; the URL and address of every hop are checked.
    max_redirects: int = 5

    def check_url(self, url: str) -> URL:
        """Return the parsed URL; raise MEDIA_URL_INVALID or MEDIA_URL_FORBIDDEN."""
        parsed = _parse(url)
        address = _literal_address(parsed.raw_host or "")
        if address is not None:
            self.check_address(address)
        return parsed

    def check_address(self, address: IPv4Address | IPv6Address) -> None:
        """Raise MEDIA_URL_FORBIDDEN unless `address` is public or in an allowed network."""
        plain = (isinstance(address, IPv6Address) and address.ipv4_mapped) or address
        if not (_is_public(plain) or any(plain in network for network in self.allowed_networks)):
            raise FanscribeError(
                Reason.MEDIA_URL_FORBIDDEN,
                "the URL leads to an address that is not public; use a URL that anybody can reach",
            )


def _parse(url: str) -> URL:
    if len(url) > _MAX_URL_CHARACTERS or any(character <= " " for character in url):
        raise _invalid("is too long or holds white space or control characters")
    try:
        # An ASCII URL is sent as it was written: its signature may cover the spelling.
        parsed = URL(url, encoded=url.isascii())
        host, port = parsed.raw_host, parsed.port
    except ValueError as error:
        raise _invalid("cannot be parsed") from error
    if parsed.scheme not in {"http", "https"}:
        raise _invalid("must begin with http:// or https://")
    if not host or not port:
        raise _invalid("names no host or a bad port")
    if parsed.raw_user is not None or parsed.raw_password is not None:
        raise _invalid("must not carry a user name or a password")
    return parsed


def _literal_address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError as error:
        # "127.1", "2130706433" and "0x7f.0.0.1" are addresses to a C library, not names.
        if ":" in host or re.fullmatch(r"\d+|0x[0-9a-f]*", host.rstrip(".").split(".")[-1].lower()):
            raise _invalid("names its host by a malformed address") from error
        return None


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    if not address.is_global or address.is_multicast or address.is_reserved:
        return False
    if isinstance(address, IPv6Address) and address.is_site_local:
        return False
    return not any(address in network for network in _NOT_PUBLIC)


def _invalid(problem: str) -> FanscribeError:
    return FanscribeError(Reason.MEDIA_URL_INVALID, f"the media URL {problem}")
