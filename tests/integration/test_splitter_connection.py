"""A splitter's connection to Triton, and when it makes another one; Triton follows a script."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from grpc import aio
from prometheus_client import CollectorRegistry
from tritonclient.grpc import service_pb2, service_pb2_grpc

from fanscribe.runtime.server import Bind, Server
from fanscribe.runtime.tls import ServerTls
from fanscribe.splitter.connection import Connection
from fanscribe.splitter.metrics import SplitterMetrics
from fanscribe.splitter.settings import SplitterSettings
from fanscribe.splitter.transcription import ModelOptions, Transcriber
from tests.support.certificates import Authority, Identity
from tests.support.name_server import name_server
from tests.support.polling import eventually

NAME = "inference.speech.svc"
OPTIONS = ModelOptions(language="en", task="transcribe", word_timestamps=False, initial_prompt="")
RESULT = {"language": "en", "language_probability": 1.0, "segments": []}


class Script(service_pb2_grpc.GRPCInferenceServiceServicer):
    """Answers who is let in; holds transcriptions until told."""

    def __init__(self) -> None:
        self.address = ""
        self.ready = True
        self.held = 0
        self.release = asyncio.Event()
        self.callers: set[str] = set()  # their addresses: one for each connection

    async def ModelReady(  # noqa: N802
        self, request: Any, context: aio.ServicerContext[Any, Any]
    ) -> service_pb2.ModelReadyResponse:
        self.callers.add(context.peer())
        if not self.ready:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "not now")
        return service_pb2.ModelReadyResponse(ready=True)

    async def ModelInfer(  # noqa: N802
        self, request: Any, context: aio.ServicerContext[Any, Any]
    ) -> service_pb2.ModelInferResponse:
        self.callers.add(context.peer())
        self.held += 1
        await self.release.wait()
        text = json.dumps(RESULT).encode()
        answer = service_pb2.ModelInferResponse(model_name="whisper")
        answer.outputs.add(name="RESULT", datatype="BYTES", shape=[1, 1])
        answer.raw_output_contents.append(len(text).to_bytes(4, "little") + text)
        return answer


@asynccontextmanager
async def scripted(tls: ServerTls | None = None) -> AsyncIterator[Script]:
    script = Script()
    server = Server([])
    service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(script, server.grpc)
    async with server.listening(Bind("127.0.0.1", 0), grace_s=0, tls=tls) as bound:
        script.address = str(bound)
        yield script


@asynccontextmanager
async def transcriber(address: str, own: Identity | None = None) -> AsyncIterator[Transcriber]:
    tls: dict[str, Any] = {}
    if own is not None:
        tls = {
            "inference_ca_file": own.ca_file,
            "inference_cert_file": own.cert_file,
            "inference_key_file": own.key_file,
            "inference_server_name": NAME,
        }
    settings = SplitterSettings(inference_address=address, **tls)
    async with Connection(settings) as connection:
        yield Transcriber(connection, settings, SplitterMetrics(CollectorRegistry()))


@pytest.mark.parametrize("others", [0, 2])
async def test_a_renewed_certificate_opens_another_connection_and_loses_nothing(
    others: int, tmp_path: Path
) -> None:
    old, new = Authority(tmp_path / "old"), Authority(tmp_path / "new")
    own, its = old.issue("own", "splitter"), old.issue("its", NAME)
    audio = np.zeros(16_000, np.int16)
    async with scripted(its.server()) as triton, transcriber(triton.address, own) as model:
        assert await model.ready()
        running = [asyncio.create_task(model.transcribe(audio, OPTIONS)) for _ in range(others)]
        await eventually(lambda: triton.held == others, "they are on Triton")
        assert len(triton.callers) == 1
        # Of another authority, so that the old connection could not be made again.
        new.renew(its, NAME)
        new.renew(own, "splitter")
        assert await model.ready()
        assert len(triton.callers) == 2
        triton.release.set()
        for one in running:
            assert (await one).language == "en"
        assert (await model.transcribe(audio, OPTIONS)).language == "en"
        assert len(triton.callers) == 2


async def test_a_triton_that_is_there_late_is_found_soon() -> None:
    async with scripted() as triton, name_server() as names:
        port = triton.address.rpartition(":")[2]
        async with transcriber(f"dns://127.0.0.1:{names.port}/{NAME}:{port}") as model:

            async def looked_up_eight_times() -> bool:
                assert not await model.ready()
                return names.lookups >= 8

            # gRPC by itself takes 43 s for so many, and 27 s more for the next.
            await eventually(looked_up_eight_times, "lookups", deadline_s=25)
            names.address = "127.0.0.1"
            await eventually(model.ready, "it is found", deadline_s=15)


async def test_a_triton_that_has_moved_is_found_soon() -> None:
    async with scripted() as triton, name_server() as names:
        port = triton.address.rpartition(":")[2]
        names.address = "127.0.0.2"
        async with transcriber(f"dns://127.0.0.1:{names.port}/{NAME}:{port}") as model:
            assert not await model.ready()
            names.address = "127.0.0.1"
            # gRPC by itself looks a name with addresses up once in 30 s.
            await eventually(model.ready, "it is found", deadline_s=20)


async def test_what_waits_for_triton_opens_one_connection_and_cuts_nobody_off() -> None:
    audio = np.zeros(16_000, np.int16)
    async with scripted() as triton, transcriber(triton.address) as model:
        running = asyncio.create_task(model.transcribe(audio, OPTIONS))
        await eventually(lambda: triton.held == 1, "it is on Triton")
        triton.ready = False

        async def called_anew() -> bool:
            assert not any(await asyncio.gather(*(model.ready() for _ in range(10))))
            return len(triton.callers) > 1

        await eventually(called_anew, "another connection")
        assert len(triton.callers) == 2
        triton.release.set()
        assert (await running).language == "en"
