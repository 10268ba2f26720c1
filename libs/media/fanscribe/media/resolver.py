"""Names of media hosts: looked up, and the addresses checked that are then connected to."""

import ipaddress
import socket

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from fanscribe.media.policy import SourcePolicy


class CheckedResolver(AbstractResolver):
    """Resolves names and refuses those that lead anywhere the policy forbids.

    The connection is made to the very addresses checked here, so a name cannot change its mind.
    """

    def __init__(self, policy: SourcePolicy, resolver: AbstractResolver | None) -> None:
        self._policy = policy
        self._resolver = resolver or ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Resolve `host`; raise MEDIA_URL_FORBIDDEN if any of its addresses is forbidden."""
        results = await self._resolver.resolve(host, port, family)
        for result in results:
            self._policy.check_address(ipaddress.ip_address(result["host"]))
        return results

    async def close(self) -> None:
        """Release what the resolver holds."""
        await self._resolver.close()
