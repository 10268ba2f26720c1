"""Splitters that come and go as pods of a Service do."""

import os
import signal
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from fanscribe.client.service_process import ServiceProcess
from tests.support.endpoint_slices import EndpointSliceServer, endpoint, endpoint_slice
from tests.support.stack import service


class Fleet:
    """Runs splitters and has the API server list them. An async context manager.

    Each has a slice of its own, as pods have whose ports differ.
    """

    def __init__(
        self,
        server: EndpointSliceServer,
        inference_address: str,
        folder: Path,
        **settings: object,
    ) -> None:
        self.splitters: list[ServiceProcess] = []
        """Those that want work, oldest first."""
        self.started = 0
        self._server = server
        self._folder = folder
        self._settings = {"inference_address": inference_address, **settings}
        self._slices: dict[int, str] = {}  # by process
        self._exits = AsyncExitStack()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._exits.aclose()

    async def add(self) -> ServiceProcess:
        """Start one, and list it once it serves."""
        self.started += 1
        name = f"splitter-{self.started}"
        folder = self._folder / name
        folder.mkdir()
        process = await self._exits.enter_async_context(
            service("splitter", folder, **self._settings)
        )
        self._slices[process.pid] = name
        self.splitters.append(process)
        self._server.put(self._slice(process))
        return process

    async def drain(self, process: ServiceProcess) -> int:
        """Tell one to go as Kubernetes does; returns its exit status."""
        self.splitters.remove(process)
        self._server.put(self._slice(process, ready=False, terminating=True))
        os.kill(process.pid, signal.SIGTERM)
        status = await process.wait()
        self._server.delete(self._slices[process.pid])
        return status

    async def kill(self, process: ServiceProcess) -> None:
        """Kill one; that its node tells so takes a moment."""
        self.splitters.remove(process)
        await process.kill()
        self._server.put(endpoint_slice(self._slices[process.pid], None))

    def _slice(self, process: ServiceProcess, **conditions: bool) -> dict[str, Any]:
        host, _, port = process.address.rpartition(":")
        pod = endpoint(host, process.pid, **conditions)
        return endpoint_slice(self._slices[process.pid], [pod], int(port))
