"""Entry point of the GPU image: lays out the model repository, then becomes `tritonserver`.

Takes the same FANSCRIBE_* settings as `python -m fanscribe.inference`, which starts the Triton of a
wheel; arguments are handed on to tritonserver. Exits 78 if the settings or the weights are not fit.
When its certificate has been renewed, tritonserver is told to stop: whoever runs the container
starts it anew.
"""

import asyncio
import ctypes
import logging
import math
import os
import signal
import sys
import tempfile
from pathlib import Path

from fanscribe.inference.connections import Renewal, connection_arguments, tls_arguments
from fanscribe.inference.errors import SetupError
from fanscribe.inference.repository import ModelConfig, build_repository
from fanscribe.inference.settings import InferenceSettings
from fanscribe.inference.weights import resolve_weights
from fanscribe.runtime.logs import configure_logs
from fanscribe.runtime.settings import read_settings
from fanscribe.runtime.tls import ServerTls

_log = logging.getLogger("fanscribe.inference")

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Prepare, and hand over the process: signals reach Triton itself."""
    settings = read_settings(InferenceSettings)
    configure_logs("inference", settings.log_level)
    try:
        weights = resolve_weights(settings.model, settings.cache_dir, settings.model_sha256)
        repository = Path(tempfile.mkdtemp(prefix="fanscribe-models-"))
        build_repository(repository, ModelConfig.of(settings, weights))
    except SetupError as error:
        _log.critical("%s", error)
        sys.exit(78)  # EX_CONFIG of sysexits.h
    if settings.server_tls is not None:
        end_at_renewal(settings.server_tls, settings.tls_restart_within_s)
    command = ["tritonserver", *arguments(settings, repository), *sys.argv[1:]]
    os.execvp(command[0], command)  # noqa: S606  no shell is wanted


def arguments(settings: InferenceSettings, repository: Path) -> list[str]:
    """What tritonserver is told."""
    return [
        f"--model-repository={repository}",
        f"--grpc-address={settings.host}",
        f"--grpc-port={settings.port}",
        f"--http-address={settings.host}",
        f"--http-port={settings.http_port}",
        f"--metrics-address={settings.host}",
        f"--metrics-port={settings.metrics_port}",
        # Requests in hand are finished, queued ones too.
        f"--exit-timeout-secs={math.ceil(settings.drain_s)}",
        "--strict-readiness=true",
        *connection_arguments(settings.connection_age_s),
        *tls_arguments(settings.server_tls),
    ]


def end_at_renewal(tls: ServerTls, within_s: float) -> None:
    """Have a child of this process, which becomes tritonserver, stop it when `tls` is renewed."""
    renewal = Renewal(tls)
    server = os.getpid()
    if os.fork() != 0:
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() == server:
        asyncio.run(renewal.wait(within_s))
        _log.info("the certificate was renewed: stopping Triton")
        os.kill(server, signal.SIGTERM)
    os._exit(0)


if __name__ == "__main__":
    main()
