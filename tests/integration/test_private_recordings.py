"""A recording behind a token, through the whole of fanscribe: read, and nothing of it told."""

from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from fanscribe.client import Client, Options, TranscriptionError
from fanscribe.client.local_stack import LocalStack
from fanscribe.runtime.errors import Reason
from tests.support.range_server import RangeServer
from tests.support.speech import Recording, word_error_rate

TOKEN = "Bearer s3cr3t-token"  # noqa: S105
HEADERS = {"Authorization": TOKEN}


def wants_token_and_signature(request: web.Request) -> int | None:
    if request.method != "GET" or request.raw_path.partition("?")[2] != "sig=q%2fs3cr3t":
        return 403
    return None if request.headers.get("Authorization") == TOKEN else 401


@pytest.fixture
async def private_url(clips: list[Recording]) -> AsyncIterator[str]:
    async with RangeServer(guard=wants_token_and_signature) as server:
        yield server.add("clip", clips[0].path) + "?sig=q%2fs3cr3t"


async def test_headers_reach_the_media_host_from_every_part_and_are_never_logged(
    client: Client, stack: LocalStack, clips: list[Recording], private_url: str
) -> None:
    options = Options(macro_chunk_size_sec=30, audio_stream=0)
    heard = await client.transcript(private_url, options, media_headers=HEADERS)
    assert word_error_rate(clips[0].transcript, heard.text) < 0.2
    assert heard.completed.macro_chunks > 1
    assert heard.plan.options.audio_stream == 0

    with pytest.raises(TranscriptionError) as refused:
        await client.transcript(private_url)
    assert refused.value.reason == Reason.MEDIA_ACCESS_DENIED
    with pytest.raises(TranscriptionError) as refused:
        await client.transcript(private_url, media_headers={"Range": TOKEN})
    assert refused.value.reason == Reason.MEDIA_HEADERS_INVALID

    for service in (stack.orchestrator, *stack.splitters, stack.inference):
        assert "s3cr3t" not in service.log_path.read_text()


async def test_a_pin_by_length_alone_is_a_warning(client: Client, clips: list[Recording]) -> None:
    async with RangeServer() as server:
        path = clips[0].path
        loose = await client.transcript(server.add("a", path, etag=None, last_modified=None))
        dated = await client.transcript(server.add("b", path, etag=None))
    assert any("ETag" in warning for warning in loose.completed.warnings)
    assert dated.completed.warnings == ()
    assert loose.segments == dated.segments
