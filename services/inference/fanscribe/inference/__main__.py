"""`python -m fanscribe.inference`: Whisper in a Triton of this machine, until SIGTERM."""

import asyncio
import logging
import signal
import sys
from pathlib import Path

from fanscribe.inference.connections import Renewal
from fanscribe.inference.errors import SetupError, TritonError
from fanscribe.inference.installation import find_installation
from fanscribe.inference.launcher import (
    Endpoints,
    Triton,
    TritonCommand,
    free_ports,
    running_triton,
)
from fanscribe.inference.repository import ModelConfig, build_repository
from fanscribe.inference.run_folder import run_folder
from fanscribe.inference.settings import InferenceSettings
from fanscribe.inference.weights import resolve_weights
from fanscribe.runtime.logs import configure_logs
from fanscribe.runtime.server import Bind, stop_requested
from fanscribe.runtime.settings import read_settings

_log = logging.getLogger("fanscribe.inference")

# Answers without a model: for tests and benchmarks of everything around it.
STAND_IN = "stand-in"


def main() -> None:
    """Run until told to stop; exits 78 if the settings or the machine are not fit."""
    settings = read_settings(InferenceSettings)
    configure_logs("inference", settings.log_level)
    # Until the event loop takes over: leave through the `with` below.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        with run_folder() as folder:
            asyncio.run(_serve(settings, _prepare(settings, folder)))
    except SetupError as error:
        _log.critical("%s", error)
        sys.exit(78)  # EX_CONFIG of sysexits.h
    except TritonError as error:
        _log.critical("%s", error)
        sys.exit(1)


def _prepare(settings: InferenceSettings, folder: Path) -> TritonCommand:
    """Lay out the run folder and say what to run."""
    installation = find_installation()
    weights = None
    if settings.model != STAND_IN:
        weights = resolve_weights(settings.model, settings.cache_dir, settings.model_sha256)
    config = ModelConfig.of(settings, weights)
    build_repository(folder / "models", config)
    installation.copy_backend(folder / "backends")
    ports = free_ports(settings.host, [settings.port, settings.http_port, settings.metrics_port])
    return TritonCommand(
        binary=installation.binary,
        environment=installation.environment(folder / "backends", settings.threads),
        repository=folder / "models",
        backends=folder / "backends",
        shared_memory_prefix=folder.name,
        on_gpu=settings.device == "cuda",
        endpoints=Endpoints(*(Bind(settings.host, port) for port in ports)),
        drain_s=settings.drain_s,
        tls=settings.server_tls,
        connection_age_s=settings.connection_age_s,
    )


async def _serve(settings: InferenceSettings, command: TritonCommand) -> None:
    """Run Triton until a signal asks to stop; raises TritonError if it ends before.

    It is started anew when its certificate has been renewed.
    """
    stop = stop_requested()
    renewal = Renewal(command.tls) if command.tls is not None else None
    while not stop.is_set():
        async with running_triton(command) as triton:
            tasks = [
                asyncio.create_task(_watch(triton, command.endpoints, settings.startup_s)),
                asyncio.create_task(stop.wait()),
            ]
            if renewal is not None:
                tasks.append(asyncio.create_task(renewal.wait(settings.tls_restart_within_s)))
            try:
                ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in ended:
                    task.result()
            finally:
                for task in tasks:
                    task.cancel()
            if not stop.is_set():
                _log.info("the certificate was renewed: starting Triton anew")


async def _watch(triton: Triton, endpoints: Endpoints, startup_s: float) -> None:
    await triton.wait_ready(endpoints, startup_s)
    addresses = {
        "address": str(endpoints.grpc),
        "http_address": str(endpoints.http),
        "metrics_address": str(endpoints.metrics),
    }
    _log.info("serving", extra={"fields": addresses})
    await triton.wait_ended()


if __name__ == "__main__":
    main()
