"""All of fanscribe on this machine: inference, splitters and orchestrator as child processes."""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import NoReturn, Self

from fanscribe.client.log_directory import new_log_directory
from fanscribe.client.prerequisites import is_taken, missing_pieces
from fanscribe.client.service_process import LocalStackError, ServiceProcess

# The stack is for this machine's own use: it listens on the loopback interface only, and may read
# recordings that are served there.
_HOST = "127.0.0.1"
_LOOPBACK_NETWORKS = "127.0.0.0/8,::1/128"

# Weights may have to be converted or fetched before the first start.
_START_INFERENCE_S = 600
_START_SERVICE_S = 60
# How long calls in hand get to end, and how long a process gets to follow.
_DRAIN_S = 5
_STOP_S = 15
_WATCH_S = 0.2

_NOTHING: Mapping[str, str] = {}


class LocalStack:
    """A whole fanscribe on free loopback ports, as an async context manager.

    `model` is what FANSCRIBE_MODEL takes, `port` the orchestrator's (0: a free one). Logs go to
    `log_directory`, by default a new folder under $XDG_STATE_HOME. The `*_environment` are added to
    the environment of the services; `tell` gets a sentence for each step of the start. Entering
    raises LocalStackError if a service cannot start; leaving stops everything, and so does the
    death of this process.
    """

    def __init__(
        self,
        *,
        model: str = "tiny.en",
        splitters: int = 2,
        port: int = 0,
        log_directory: Path | None = None,
        orchestrator_environment: Mapping[str, str] = _NOTHING,
        splitter_environment: Mapping[str, str] = _NOTHING,
        inference_environment: Mapping[str, str] = _NOTHING,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._model = model
        self._splitter_count = splitters
        self._port = port
        self._log_directory = log_directory
        self._orchestrator_environment = orchestrator_environment
        self._splitter_environment = splitter_environment
        self._inference_environment = inference_environment
        self._tell = tell
        self._inferences: list[ServiceProcess] = []
        self._orchestrators: list[ServiceProcess] = []
        self.splitters: list[ServiceProcess] = []
        """In the order they were started, those that ended included."""

    async def __aenter__(self) -> Self:
        """Start everything; returns when all of it serves."""
        missing = missing_pieces()
        if missing:
            raise LocalStackError("\n".join(missing))
        if is_taken(_HOST, self._port):
            raise LocalStackError(
                f"port {self._port} is taken: stop what listens there, or choose another"
            )
        self.log_directory = self._log_directory or new_log_directory()
        self.log_directory.mkdir(parents=True, exist_ok=True)
        try:
            await self._start_all()
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop everything."""
        await self.stop()

    @property
    def inference(self) -> ServiceProcess:
        """Triton's launcher."""
        return self._inferences[0]

    @property
    def orchestrator(self) -> ServiceProcess:
        """The service that clients call."""
        return self._orchestrators[0]

    @property
    def address(self) -> str:
        """Where the orchestrator answers, "host:port": the target of a Client."""
        return self.orchestrator.address

    async def add_splitter(self, environment: Mapping[str, str] = _NOTHING) -> ServiceProcess:
        """Start one more splitter and return it when it serves."""
        splitter = await self._start_splitter(environment)
        await splitter.wait_until_serving(_START_SERVICE_S)
        return splitter

    async def watch(self, tell: Callable[[str], None]) -> NoReturn:
        """Wait until the stack can work no more, then raise LocalStackError.

        Losing one of several splitters is told to `tell`, and lived with.
        """
        mourned: set[ServiceProcess] = set()
        while True:
            for service in (*self._inferences, *self.splitters, *self._orchestrators):
                if not (service.running or service.stopping or service in mourned):
                    mourned.add(service)
                    self._mourn(service, tell)
            await asyncio.sleep(_WATCH_S)

    async def stop(self) -> None:
        """Stop everything: first what takes requests, last what answers them."""
        for layer in (self._orchestrators, self.splitters, self._inferences):
            async with asyncio.TaskGroup() as group:
                for service in layer:
                    group.create_task(service.stop(_STOP_S))

    def _mourn(self, service: ServiceProcess, tell: Callable[[str], None]) -> None:
        others = any(splitter.running for splitter in self.splitters)
        if service not in self.splitters or not others:
            raise LocalStackError(service.obituary())
        tell(f"{service.obituary()}\nThe other splitters carry on.")

    async def _start_all(self) -> None:
        self._tell(f"starting Triton with {self._model}")
        inference = await self._start(
            self._inferences,
            "inference",
            {
                "FANSCRIBE_MODEL": self._model,
                "FANSCRIBE_HTTP_PORT": "0",
                **self._inference_environment,
            },
        )
        await inference.wait_until_serving(_START_INFERENCE_S)

        self._tell(f"starting {self._splitter_count} splitter(s)")
        for _ in range(self._splitter_count):
            await self._start_splitter(_NOTHING)
        for splitter in self.splitters:
            await splitter.wait_until_serving(_START_SERVICE_S)

        self._tell("starting the orchestrator")
        orchestrator = await self._start(
            self._orchestrators,
            "orchestrator",
            {
                "FANSCRIBE_PORT": str(self._port),
                "FANSCRIBE_SPLITTERS": ",".join(splitter.address for splitter in self.splitters),
                "FANSCRIBE_MEDIA_ALLOWED_NETWORKS": _LOOPBACK_NETWORKS,
                **self._orchestrator_environment,
            },
        )
        await orchestrator.wait_until_serving(_START_SERVICE_S)

    async def _start_splitter(self, environment: Mapping[str, str]) -> ServiceProcess:
        return await self._start(
            self.splitters,
            "splitter",
            {
                "FANSCRIBE_INFERENCE_ADDRESS": self.inference.address,
                "FANSCRIBE_MEDIA_ALLOWED_NETWORKS": _LOOPBACK_NETWORKS,
                **self._splitter_environment,
                **environment,
            },
        )

    async def _start(
        self, layer: list[ServiceProcess], service: str, environment: Mapping[str, str]
    ) -> ServiceProcess:
        name = f"{service}-{len(layer) + 1}" if layer is self.splitters else service
        process = await ServiceProcess.start(
            name,
            f"fanscribe.{service}",
            {
                "FANSCRIBE_HOST": _HOST,
                "FANSCRIBE_PORT": "0",
                "FANSCRIBE_METRICS_PORT": "0",
                "FANSCRIBE_DRAIN_S": str(_DRAIN_S),
                **environment,
            },
            self.log_directory / f"{name}.log",
        )
        layer.append(process)
        return process
