"""Tokens of callers, over a real server: right, wrong, missing, replaced; never in the log."""

import logging
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc import aio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from fanscribe.runtime.channels import open_channel
from fanscribe.runtime.errors import Reason
from fanscribe.runtime.server import Bind, Server
from fanscribe.runtime.statuses import error_of
from fanscribe.runtime.tokens import TokenInterceptor, Tokens, check_tokens
from fanscribe.v1 import transcriber_pb2 as pb
from fanscribe.v1 import transcriber_pb2_grpc

OLD, NEW, WRONG = "old-token-0123456789", "new-token-0123456789", "bad-token-0123456789"


class Plans(transcriber_pb2_grpc.TranscriberServicer):
    """Tells a plan to whoever gets here."""

    async def Transcribe(  # noqa: N802
        self, request: pb.TranscribeRequest, context: aio.ServicerContext[Any, Any]
    ) -> AsyncGenerator[pb.TranscribeEvent, None]:
        yield pb.TranscribeEvent(plan=pb.Plan(job_id="1"))


class Guarded:
    """A channel to a server that wants one of the tokens in `file`."""

    def __init__(self, channel: aio.Channel, file: Path, refused: Counter[str]) -> None:
        self.channel = channel
        self.file = file
        self.refused = refused

    async def says(self, *metadata: tuple[str, str]) -> str:
        """Call with this metadata; returns OK, or what the refusal says."""
        stub = transcriber_pb2_grpc.TranscriberStub(self.channel)
        call = stub.Transcribe(pb.TranscribeRequest(), timeout=10, metadata=metadata)
        try:
            async for _ in call:
                pass
        except aio.AioRpcError as error:
            known = error_of(error)
            told = known is not None and known.reason is Reason.UNAUTHENTICATED
            if not told or error.code() is not grpc.StatusCode.UNAUTHENTICATED:
                raise
            return error.details() or ""
        return "OK"

    async def says_to(self, token: str) -> str:
        return await self.says(("authorization", f"Bearer {token}"))


@pytest.fixture
async def guarded(tmp_path: Path) -> AsyncIterator[Guarded]:
    file = tmp_path / "tokens"
    file.write_text(f"# of the web site\n\n{OLD}\n")
    refused: Counter[str] = Counter()

    def count(why: str) -> None:
        refused[why] += 1

    server = Server(["fanscribe.v1.Transcriber"], [TokenInterceptor(Tokens(file), count)])
    transcriber_pb2_grpc.add_TranscriberServicer_to_server(Plans(), server.grpc)
    async with (
        server.listening(Bind("127.0.0.1", 0), grace_s=0) as bound,
        open_channel(str(bound)) as channel,
    ):
        yield Guarded(channel, file, refused)


async def test_who_has_a_token_is_let_in(guarded: Guarded) -> None:
    assert await guarded.says_to(OLD) == "OK"
    assert await guarded.says(("authorization", f"bearer  {OLD}")) == "OK"
    assert not guarded.refused


@pytest.mark.parametrize(
    ("metadata", "why", "said"),
    [
        ([], "missing", "send the metadata 'authorization: Bearer TOKEN'"),
        ([("authorization", OLD)], "malformed", "is not one 'Bearer TOKEN'"),
        ([("authorization", f"Basic {OLD}")], "malformed", "is not one 'Bearer TOKEN'"),
        ([("authorization", f"Bearer {WRONG}")] * 2, "malformed", "is not one 'Bearer TOKEN'"),
        ([("authorization", "Bearer ")], "malformed", "is not one 'Bearer TOKEN'"),
        ([("authorization", f"Bearer {WRONG}")], "unknown", "not one that this server knows"),
        ([("authorization", f"Bearer {OLD[:-1]}")], "unknown", "not one that this server knows"),
        ([("authorization", "Bearer # of the web site")], "unknown", "not one that this server"),
    ],
)
async def test_others_are_refused_counted_and_told_why(
    guarded: Guarded,
    metadata: list[tuple[str, str]],
    why: str,
    said: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.DEBUG):
        assert said in await guarded.says(*metadata)
    assert guarded.refused == {why: 1}
    assert "-token-0123" not in "".join(str(record.__dict__) for record in caplog.records)


async def test_tokens_are_replaced_without_a_restart(guarded: Guarded) -> None:
    guarded.file.write_text(f"{OLD}\n{NEW}\n")
    assert await guarded.says_to(OLD) == "OK"
    assert await guarded.says_to(NEW) == "OK"
    guarded.file.write_text(f"{NEW}\n")
    assert await guarded.says_to(OLD) != "OK"
    assert await guarded.says_to(NEW) == "OK"
    guarded.file.unlink()  # by mistake: nobody else comes in, nobody is locked out
    assert await guarded.says_to(OLD) != "OK"
    assert await guarded.says_to(NEW) == "OK"
    guarded.file.write_text("# nobody any more\n")
    assert await guarded.says_to(NEW) != "OK"


async def test_health_and_reflection_are_open_to_probes(guarded: Guarded) -> None:
    health = health_pb2_grpc.HealthStub(guarded.channel)
    await health.Check(health_pb2.HealthCheckRequest(), timeout=10)
    watch = health.Watch(health_pb2.HealthCheckRequest(), timeout=10)
    assert (await watch.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
    reflection = reflection_pb2_grpc.ServerReflectionStub(guarded.channel)
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    answer = await reflection.ServerReflectionInfo(iter([request]), timeout=10).read()
    assert answer.list_services_response.service
    assert not guarded.refused


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "holds no tokens"),
        (b"# none yet\n", "holds no tokens"),
        (b"0123456789abcdef\nshort\n", "line 2 .* shorter than 16"),
        (b"Bearer 0123456789abcdef\n", "line 1 .* is no token"),
        ("schlüssel-0123456789\n".encode(), "line 1 .* is no token"),
        (b"\xff\xfe0123456789abcdef", "is not text"),
    ],
)
def test_a_file_that_is_no_good_is_refused_untold(
    content: bytes, said: str, tmp_path: Path
) -> None:
    file = tmp_path / "tokens"
    file.write_bytes(content)
    with pytest.raises(ValueError, match=said) as refused:
        check_tokens(file)
    assert "0123" not in str(refused.value)
    with pytest.raises(ValueError, match="cannot be read"):
        check_tokens(tmp_path / "nowhere")
