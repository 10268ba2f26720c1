"""Where the splitters are. Only here is Kubernetes known."""

from collections.abc import AsyncGenerator, Iterable
from typing import Protocol


class Discovery(Protocol):
    """Finds the addresses of the splitters that want work."""

    def addresses(self) -> AsyncGenerator[frozenset[str], None]:
        """Yield all addresses (host:port) now, and again whenever they change."""
        ...


class StaticDiscovery:
    """A list that never changes."""

    def __init__(self, addresses: Iterable[str]) -> None:
        self._addresses = frozenset(addresses)

    async def addresses(self) -> AsyncGenerator[frozenset[str], None]:
        """Yield the list once."""
        yield self._addresses
