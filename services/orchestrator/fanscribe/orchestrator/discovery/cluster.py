"""Splitters by the EndpointSlices of their headless Service."""

import asyncio
import logging
import random
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass

from fanscribe.orchestrator.discovery.api import (
    ApiDeniedError,
    ApiError,
    ApiExpiredError,
    EndpointSlices,
    Event,
)
from fanscribe.orchestrator.discovery.dns import DnsDiscovery
from fanscribe.orchestrator.discovery.endpoints import Slice, ready_addresses
from fanscribe.orchestrator.discovery.threads import iterate_in_thread
from fanscribe.orchestrator.metrics import DiscoveryMetrics

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Patience:
    """How often an API server is asked that does not answer well."""

    first_backoff_s: float = 0.2  # doubled with each failure in a row, with jitter
    longest_backoff_s: float = 15.0
    dns_poll_s: float = 5.0  # while DNS stands in for it
    denied_s: float = 60.0  # then it is asked again whether it lets us
    # One that has just started lets nobody in until it has read its rules, for a second or so.
    starting_s: float = 10.0


class KubernetesDiscovery:
    """Watches a Service's slices.

    While the API server does not answer, what was known holds; a watch that breaks goes on where it
    was. Where the server does not let us for long, or has never answered, DNS stands in.
    """

    def __init__(
        self,
        connect: Callable[[], EndpointSlices],
        port_name: str,
        dns: DnsDiscovery,
        metrics: DiscoveryMetrics,
        patience: Patience = Patience(),
    ) -> None:
        self._connect = connect
        self._port_name = port_name
        self._dns = dns
        self._metrics = metrics
        self._patience = patience
        self._warned = ""  # of what
        self._slices: dict[str, Slice] = {}  # by name
        self._version = ""  # of the slices; empty: not known, to be listed

    async def addresses(self) -> AsyncGenerator[frozenset[str], None]:
        """Yield all addresses now, and again whenever they change."""
        known: frozenset[str] | None = None
        async with aclosing(self._answers()) as answers:
            async for found in answers:
                if found != known:
                    known = found
                    yield known

    async def _answers(self) -> AsyncGenerator[frozenset[str], None]:
        """Yield all addresses again and again, from whoever knows them."""
        patience, answered = self._patience, False
        backoff_s = patience.first_backoff_s
        refused_s: float | None = None  # since when it does not let us
        while True:
            began_s, heard, denied = time.monotonic(), False, False
            try:
                async with aclosing(self._session()) as session:
                    async for found in session:
                        heard = answered = True
                        yield found
                refused_s = None
            except ApiDeniedError as error:
                refused_s = began_s if refused_s is None else refused_s
                denied = not answered or began_s - refused_s >= patience.starting_s
                if denied:
                    self._version = ""  # what DNS tells meanwhile may be newer
                self._warn(error, denied)
            except ApiError as error:
                refused_s = None
                self._warn(error, not answered)
            if denied or not answered:
                async with aclosing(self._from_dns(denied)) as stand_in:
                    async for found in stand_in:
                        yield found
            # A watch without news that lasted was well, too.
            well = heard or time.monotonic() - began_s > patience.longest_backoff_s
            backoff_s = (
                patience.first_backoff_s if well else min(2 * backoff_s, patience.longest_backoff_s)
            )
            # Not all orchestrators at the same time.
            await asyncio.sleep(random.uniform(backoff_s / 2, backoff_s))  # noqa: S311  no secret

    async def _session(self) -> AsyncGenerator[frozenset[str], None]:
        """Yield addresses until the watch ends, on which the next session goes on."""
        api = self._connect()
        try:
            async with aclosing(iterate_in_thread(self._follow(api))) as sets:
                async for found in sets:
                    if self._warned:
                        _log.info("the API server tells the splitters again")
                    self._warned = ""
                    self._metrics.listed("kubernetes", len(found))
                    yield found
        finally:
            api.close()

    def _follow(self, api: EndpointSlices) -> Iterator[frozenset[str]]:
        """List if need be, and watch; in a thread, of which there is one at a time."""
        try:
            if not self._version:
                listed = api.list()
                self._slices = {_name(one): one for one in listed.slices}
                self._version = listed.version
                yield self._ready()
            for event in api.watch(self._version):
                self._apply(event)
                yield self._ready()
        except ApiExpiredError as error:
            # Nothing is wrong: it happens to whoever was away for minutes.
            _log.info("the watch has expired: %s", error)
            self._version = ""

    def _apply(self, event: Event) -> None:
        if event.kind == "DELETED":
            self._slices.pop(_name(event.slice), None)
        elif event.kind != "BOOKMARK":
            self._slices[_name(event.slice)] = event.slice
        self._version = event.slice["metadata"]["resourceVersion"]

    def _ready(self) -> frozenset[str]:
        return ready_addresses(self._slices.values(), self._port_name)

    async def _from_dns(self, denied: bool) -> AsyncGenerator[frozenset[str], None]:
        """Yield what DNS knows: once, or if we are denied until it is time to ask again."""
        until_s = time.monotonic() + (self._patience.denied_s if denied else 0)
        while True:
            found = await self._dns.look_up()
            if found is not None:
                yield found
            if time.monotonic() >= until_s:
                return
            await asyncio.sleep(self._patience.dns_poll_s)

    def _warn(self, error: ApiError, dns: bool) -> None:
        """Count a failure, and log the first in a row, and the first with which DNS stands in."""
        self._metrics.failed("kubernetes", error.kind)
        what_now = "using DNS" if dns else "keeping what is known"
        if self._warned != what_now:
            _log.warning("the API server does not tell the splitters, %s: %s", what_now, error)
        self._warned = what_now


def _name(one: Slice) -> str:
    return str(one["metadata"]["name"])
