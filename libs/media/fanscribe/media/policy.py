"""Which URLs may be fetched: the guard between callers and the network we stand in."""

import ipaddress
import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from pathlib import Path
from typing import Final

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
SCHEMES: Final = ("http", "https")
_HOST_PATTERN = re.compile(r"\.?[a-z0-9_-]+(\.[a-z0-9_-]+)*")


def host_pattern(text: str) -> str:
    """Read a host pattern as `SourcePolicy` wants it; raises ValueError."""
    pattern = text.strip().strip("[]").lower().removesuffix(".")
    if ":" in pattern:
        return str(_plain(ipaddress.ip_address(pattern)))
    if not pattern.isascii():
        pattern = pattern.encode("idna").decode()
    if not _HOST_PATTERN.fullmatch(pattern):
        raise ValueError(f"{text!r} is not a host name, an address or a .suffix")
    return pattern


@dataclass(frozen=True)
class SourcePolicy:
    """Which URLs may be fetched: by scheme, by host, and by address.

    Names are judged as they are written and by the addresses they resolve to, at the moment of
    connecting; see `CheckedResolver`. A host pattern is a name or an address, or a suffix:
    ".example.com" means example.com and all names below it.
    """

    # Allowed though they are not public.
    allowed_networks: tuple[IPv4Network | IPv6Network, ...] = ()
    # Never allowed, public or not: a cluster's own pods and services, for example.
    denied_networks: tuple[IPv4Network | IPv6Network, ...] = ()
    # If there are any, no other hosts are allowed. Their addresses are judged all the same.
    allowed_hosts: tuple[str, ...] = ()
    # Never allowed.
    denied_hosts: tuple[str, ...] = ()
    schemes: tuple[str, ...] = SCHEMES
    # Certificates of authorities (PEM) that are trusted beside those of the system.
    ca_file: Path | None = None
    # Followed for one request; the URL and address of every hop are checked.
    max_redirects: int = 5

    def check_url(self, url: str) -> URL:
        """Return the parsed URL; raise MEDIA_URL_INVALID or MEDIA_URL_FORBIDDEN."""
        parsed = _parse(url)
        if parsed.scheme not in self.schemes:
            raise _forbidden(
                f"must begin with {' or '.join(f'{name}://' for name in self.schemes)}"
            )
        address = _literal_address(parsed.raw_host or "")
        host = str(_plain(address)) if address else (parsed.raw_host or "").lower().rstrip(".")
        if any(_matches(host, pattern) for pattern in self.denied_hosts):
            raise _forbidden("names a host that is not allowed here")
        if self.allowed_hosts and not any(
            _matches(host, pattern) for pattern in self.allowed_hosts
        ):
            raise _forbidden("names a host that is not among those allowed here")
        if address is not None:
            self.check_address(address)
        return parsed

    def check_address(self, address: IPv4Address | IPv6Address) -> None:
        """Raise MEDIA_URL_FORBIDDEN unless `address` is public or in an allowed network."""
        plain = _plain(address)
        if any(plain in network for network in self.denied_networks):
            raise _forbidden("leads to an address that is not allowed here")
        if not (_is_public(plain) or any(plain in network for network in self.allowed_networks)):
            raise _forbidden(
                "leads to an address that is not public; use a URL that anybody can reach"
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
    if parsed.scheme not in SCHEMES:
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
        if not re.fullmatch(r"[A-Za-z0-9._-]+", host):
            raise _invalid("names its host in characters that names do not have") from error
        return None


def _plain(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address that an IPv4-mapped IPv6 address means."""
    return (isinstance(address, IPv6Address) and address.ipv4_mapped) or address


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    if not address.is_global or address.is_multicast or address.is_reserved:
        return False
    if isinstance(address, IPv6Address) and address.is_site_local:
        return False
    return not any(address in network for network in _NOT_PUBLIC)


def _matches(host: str, pattern: str) -> bool:
    return host == pattern.removeprefix(".") or (pattern.startswith(".") and host.endswith(pattern))


def _forbidden(problem: str) -> FanscribeError:
    return FanscribeError(Reason.MEDIA_URL_FORBIDDEN, f"the media URL {problem}")


def _invalid(problem: str) -> FanscribeError:
    return FanscribeError(Reason.MEDIA_URL_INVALID, f"the media URL {problem}")
