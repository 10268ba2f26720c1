"""Where the splitters are."""

from collections.abc import AsyncIterator, Iterable
from typing import Protocol


class Discovery(Protocol):
    """Finds the addresses of splitters."""

    def addresses(self) -> AsyncIterator[frozenset[str]]:
        """Yield all addresses (host:port) now, and again whenever they change."""
        ...


class StaticDiscovery:
    """A list that never changes."""

    def __init__(self, addresses: Iterable[str]) -> None:
        self._addresses = frozenset(addresses)

    async def addresses(self) -> AsyncIterator[frozenset[str]]:
        """Yield the list once."""
        yield self._addresses
