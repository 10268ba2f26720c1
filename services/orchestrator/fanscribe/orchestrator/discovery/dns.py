"""Splitters by the addresses that a name has."""

import asyncio
import logging
import random
import socket
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from contextlib import aclosing
from typing import Final

from fanscribe.orchestrator.discovery.threads import iterate_in_thread
from fanscribe.orchestrator.metrics import DiscoveryMetrics

_log = logging.getLogger(__name__)

_POLL_S: Final = 5.0  # as long as a cluster's DNS lets its answers be kept
_LOOK_UP_S: Final = 5.0
_NO_SUCH_NAME: Final = (socket.EAI_NONAME, socket.EAI_NODATA)

# Host name and port to host:port of all it has; blocking. Raises OSError.
Resolve = Callable[[str, int], Iterable[str]]


def resolve(host: str, port: int) -> list[str]:
    """Look up `host` with the system's resolver.

    Of one family only: in a cluster of two, each pod has an address in either. A name that is not
    there has no addresses: that is how DNS tells a headless Service without ready pods.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        if error.errno in _NO_SUCH_NAME:
            return []
        raise
    ipv4 = [f"{where[0]}:{port}" for family, *_, where in found if family == socket.AF_INET]
    return ipv4 or [f"[{where[0]}]:{port}" for *_, where in found]


class DnsDiscovery:
    """Looks up a name again and again; while that fails, what was known holds."""

    def __init__(
        self,
        host: str,
        port: int,
        metrics: DiscoveryMetrics,
        *,
        resolve: Resolve = resolve,
        poll_s: float = _POLL_S,
        look_up_s: float = _LOOK_UP_S,
    ) -> None:
        self._host = host
        self._port = port
        self._metrics = metrics
        self._resolve = resolve
        self._poll_s = poll_s
        self._look_up_s = look_up_s
        self._failing = False

    async def addresses(self) -> AsyncGenerator[frozenset[str], None]:
        """Yield all addresses now, and again whenever they change."""
        known: frozenset[str] | None = None
        while True:
            found = await self.look_up()
            if found is not None and found != known:
                known = found
                yield known
            # Not all orchestrators at the same time.
            await asyncio.sleep(self._poll_s * random.uniform(0.8, 1.2))  # noqa: S311  no secret

    async def look_up(self) -> frozenset[str] | None:
        """Look up once; None if nobody answers."""

        def blocking() -> Iterator[frozenset[str]]:
            yield frozenset(self._resolve(self._host, self._port))

        try:
            async with (
                asyncio.timeout(self._look_up_s),
                aclosing(iterate_in_thread(blocking())) as answers,
            ):
                found = await anext(answers)
        except OSError as error:  # TimeoutError is one
            self._metrics.failed("dns", type(error).__name__)
            if not self._failing:
                why = str(error) or f"no answer within {self._look_up_s:g} s"
                _log.warning("cannot look up %s: %s", self._host, why)
            self._failing = True
            return None
        self._failing = False
        self._metrics.listed("dns", len(found))
        return found
