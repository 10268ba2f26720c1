"""The real Triton for tests: the launcher as a process of its own, and a client to call it."""

import asyncio
import json
import os
import signal
import sys
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from tritonclient.grpc import InferInput
from tritonclient.grpc.aio import InferenceServerClient

from fanscribe.client.service_process import ServiceProcess

STARTUP_S = 120.0
STOP_S = 120.0


@dataclass
class RunningTriton:
    """A launcher that said it is serving. Addresses are "host:port"."""

    process: asyncio.subprocess.Process
    address: str
    http_address: str
    metrics_address: str
    log: deque[dict[str, Any]]

    async def stop(self) -> int:
        """End it with SIGTERM; returns its exit code."""
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(STOP_S):
            return await self.process.wait()


@asynccontextmanager
async def start_triton(model: str = "tiny.en", **settings: object) -> AsyncIterator[RunningTriton]:
    """Run `python -m fanscribe.inference` on free ports while inside.

    `settings` are those of the service by their lower-case names: `workers=1`. Raises
    RuntimeError with its exit code and the end of its log if it does not come up.
    """
    chosen = {"host": "127.0.0.1", "port": 0, "http_port": 0, "metrics_port": 0, "model": model}
    environment = {f"FANSCRIBE_{k.upper()}": str(v) for k, v in {**chosen, **settings}.items()}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "fanscribe.inference"),
        env={**os.environ, **environment},
        stdin=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    log: deque[dict[str, Any]] = deque(maxlen=200)
    addresses: asyncio.Future[dict[str, str]] = asyncio.get_running_loop().create_future()
    reading = asyncio.create_task(_read_log(process, log, addresses))
    try:
        async with asyncio.timeout(STARTUP_S):
            serving = await addresses
        triton = RunningTriton(
            process,
            serving["address"],
            serving["http_address"],
            serving["metrics_address"],
            log,
        )
        yield triton
        await triton.stop()
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        await reading


async def _read_log(
    process: asyncio.subprocess.Process,
    log: deque[dict[str, Any]],
    addresses: asyncio.Future[dict[str, str]],
) -> None:
    assert process.stderr is not None
    async for line in process.stderr:
        record = json.loads(line) if line.startswith(b"{") else {"message": line.decode()}
        log.append(record)
        if record["message"] == "serving":
            addresses.set_result(record)
    if not addresses.done():
        said = "\n".join(str(record["message"]) for record in log)
        code = await process.wait()
        addresses.set_exception(RuntimeError(f"exit code {code}: {said}"))


@asynccontextmanager
async def triton_client(
    triton: RunningTriton | ServiceProcess,
) -> AsyncIterator[InferenceServerClient]:
    """Open a gRPC client of Triton."""
    async with InferenceServerClient(triton.address) as client:
        yield client


def model_inputs(samples: npt.NDArray[np.int16], options: str) -> list[InferInput]:
    """Inputs of one request to the model `whisper`."""
    audio = InferInput("AUDIO", [1, len(samples)], "INT16")
    audio.set_data_from_numpy(samples[np.newaxis])
    text = InferInput("OPTIONS", [1, 1], "BYTES")
    text.set_data_from_numpy(np.array([[options.encode()]], dtype=np.object_))
    return [audio, text]


async def transcribe(
    client: InferenceServerClient, samples: npt.NDArray[np.int16], **options: object
) -> dict[str, Any]:
    """Ask for the text of `samples` (16 kHz); returns RESULT."""
    answer = await client.infer("whisper", model_inputs(samples, json.dumps(options)))
    result: dict[str, Any] = json.loads(answer.as_numpy("RESULT")[0, 0])
    return result


def text_of(result: dict[str, Any]) -> str:
    """Join the text of a RESULT's segments."""
    return " ".join(segment["text"] for segment in result["segments"])
