"""Domain errors as gRPC statuses, over a real server."""

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
from grpc import aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from fanscribe.runtime.channels import open_channel
from fanscribe.runtime.errors import FanscribeError, Reason, domain_error
from fanscribe.runtime.logs import _JsonFormatter, log_context
from fanscribe.runtime.server import Bind, Server
from fanscribe.runtime.statuses import code_of, error_of
from fanscribe.v1 import transcriber_pb2 as pb
from fanscribe.v1 import transcriber_pb2_grpc


class Raises(transcriber_pb2_grpc.TranscriberServicer):
    """Raises what it is given."""

    def __init__(self, error: BaseException) -> None:
        self._error = error

    async def Transcribe(  # noqa: N802
        self,
        request_iterator: pb.TranscribeRequest,
        context: aio.ServicerContext[Any, Any],
    ) -> AsyncGenerator[pb.TranscribeEvent, None]:
        yield pb.TranscribeEvent(plan=pb.Plan(job_id="1"))
        raise self._error


@asynccontextmanager
async def served(error: BaseException) -> AsyncIterator[aio.Channel]:
    server = Server(["fanscribe.v1.Transcriber"])
    transcriber_pb2_grpc.add_TranscriberServicer_to_server(Raises(error), server.grpc)
    async with (
        server.listening(Bind("127.0.0.1", 0), grace_s=0) as bound,
        open_channel(str(bound)) as channel,
    ):
        yield channel


async def failure(error: BaseException) -> aio.AioRpcError:
    async with served(error) as channel:
        call = transcriber_pb2_grpc.TranscriberStub(channel).Transcribe(pb.TranscribeRequest())
        with pytest.raises(aio.AioRpcError) as raised:
            async for _ in call:
                pass
        return raised.value


@pytest.mark.parametrize("reason", Reason)
async def test_every_reason_reaches_the_caller(reason: Reason) -> None:
    told = await failure(FanscribeError(reason, "what was wrong, what to do"))
    assert told.code() is code_of(reason)
    assert told.details() == "what was wrong, what to do"
    read = error_of(told)
    assert read is not None
    assert (read.reason, read.message) == (reason, "what was wrong, what to do")


async def test_the_error_of_a_task_group_is_found() -> None:
    group = ExceptionGroup("", [ExceptionGroup("", [FanscribeError(Reason.MEDIA_CHANGED, "m")])])
    assert (await failure(group)).code() is grpc.StatusCode.ABORTED


async def test_a_bug_is_internal_and_leaks_nothing(caplog: pytest.LogCaptureFixture) -> None:
    told = await failure(RuntimeError("the secret of the house"))
    assert told.code() is grpc.StatusCode.INTERNAL
    assert "secret" not in (told.details() or "")
    assert sum("nobody foresaw" in record.message for record in caplog.records) == 1


def test_a_time_out_is_the_deadline() -> None:
    found = domain_error(TimeoutError())
    assert found is not None
    assert found.reason is Reason.DEADLINE_EXCEEDED


async def test_health_follows_readiness_and_ends_not_serving() -> None:
    server = Server(["fanscribe.v1.Transcriber"])
    serving, not_serving = (
        health_pb2.HealthCheckResponse.SERVING,
        health_pb2.HealthCheckResponse.NOT_SERVING,
    )
    async with (
        server.listening(Bind("127.0.0.1", 0), grace_s=0) as bound,
        open_channel(str(bound)) as channel,
    ):
        check = health_pb2_grpc.HealthStub(channel).Check
        for name in ("", "fanscribe.v1.Transcriber"):
            request = health_pb2.HealthCheckRequest(service=name)
            assert (await check(request)).status == not_serving
            await server.set_ready(True)
            assert (await check(request)).status == serving
            await server.set_ready(False)


async def test_log_lines_are_json_and_carry_their_context() -> None:
    formatter = _JsonFormatter("orchestrator")
    record = logging.makeLogRecord({"msg": "x", "levelname": "INFO", "fields": {"chunk": 3}})

    async def inside() -> dict[str, Any]:
        line: dict[str, Any] = json.loads(formatter.format(record))
        return line

    with log_context(job_id="j1"):
        line = await asyncio.create_task(inside())
    assert (line["job_id"], line["chunk"], line["service"]) == ("j1", 3, "orchestrator")
    assert "job_id" not in json.loads(formatter.format(record))
