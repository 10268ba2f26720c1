"""What cannot be transcribed: each with its own code and reason, and nothing left running."""

import random
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import grpc
import pytest
from grpc import aio

from fanscribe.client import Client, Options, Task, TranscriptionError
from fanscribe.client.errors import transcription_error
from fanscribe.client.local_stack import LocalStack
from fanscribe.runtime.errors import Reason
from fanscribe.v1 import transcriber_pb2 as pb
from fanscribe.v1.transcriber_pb2_grpc import TranscriberStub
from tests.support.range_server import Fault, RangeServer
from tests.support.speech import Recording
from tests.support.stack import (
    nothing_left_running,
    orchestrator,
    service,
    splitters,
)

Code = grpc.StatusCode
WEB_PAGE = b"<!DOCTYPE html><html><body><h1>Sign in</h1></body></html>" * 100
PLAYLIST = b"#EXTM3U\n#EXTINF:10,\nhttp://127.0.0.1:1/secret.ts\n#EXT-X-ENDLIST\n"
NOISE = random.Random(1).randbytes(200_000)


@pytest.fixture(autouse=True)
async def clean(stack: LocalStack, media_host: RangeServer) -> AsyncIterator[None]:
    yield
    await nothing_left_running(stack, media_host)


@pytest.fixture(scope="module")
def clip_url(clips: list[Recording], media_host: RangeServer) -> str:
    return media_host.url(clips[0].path.name)


@pytest.fixture(scope="module")
def mute_video(media_folder: Path) -> Path:
    target = media_folder / "mute.mp4"
    source = ["-f", "lavfi", "-i", "testsrc=size=64x64:rate=5:duration=2"]
    command = ["ffmpeg", "-v", "error", *source, "-c:v", "mpeg4", str(target)]
    subprocess.run(command, check=True)
    return target


async def failure_of(
    client: Client, url: str, options: Options | None = None
) -> tuple[Code, str, str]:
    with pytest.raises(TranscriptionError) as failure:
        await client.transcript(url, options, timeout_s=60)
    return failure.value.code, failure.value.reason, failure.value.message


@pytest.mark.parametrize(
    ("status", "code", "reason"),
    [
        (404, Code.NOT_FOUND, Reason.MEDIA_NOT_FOUND),
        (401, Code.PERMISSION_DENIED, Reason.MEDIA_ACCESS_DENIED),
        (403, Code.PERMISSION_DENIED, Reason.MEDIA_ACCESS_DENIED),
        (503, Code.UNAVAILABLE, Reason.MEDIA_HOST_UNAVAILABLE),
    ],
)
async def test_a_media_host_that_refuses(
    status: int, code: Code, reason: Reason, client: Client, media_host: RangeServer
) -> None:
    url = media_host.add("refused.mp3", b"x", faults=[Fault(status=status)])
    assert (await failure_of(client, url))[:2] == (code, reason)


@pytest.mark.parametrize("content", [WEB_PAGE, PLAYLIST, NOISE, b""])
async def test_a_file_that_is_no_recording(
    content: bytes, client: Client, media_host: RangeServer
) -> None:
    url = media_host.add("talk.mp3", content)
    code, reason, _ = await failure_of(client, url)
    assert (code, reason) == (Code.FAILED_PRECONDITION, Reason.MEDIA_UNREADABLE)


async def test_a_video_without_sound(
    mute_video: Path, client: Client, media_host: RangeServer
) -> None:
    code, reason, _ = await failure_of(client, media_host.url(mute_video.name))
    assert (code, reason) == (Code.FAILED_PRECONDITION, Reason.MEDIA_NO_AUDIO)


async def test_a_media_host_without_range_requests(
    clips: list[Recording], client: Client, media_host: RangeServer
) -> None:
    url = media_host.add("whole.mp3", clips[0].path, faults=[Fault(ignore_range=True)])
    code, reason, _ = await failure_of(client, url)
    assert (code, reason) == (Code.FAILED_PRECONDITION, Reason.MEDIA_RANGE_UNSUPPORTED)


async def test_a_media_host_that_is_not_there(client: Client) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/talk.mp3"
        code, reason, _ = await failure_of(client, url)
    assert (code, reason) == (Code.UNAVAILABLE, Reason.MEDIA_HOST_UNAVAILABLE)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "talk.mp3",
        "http://",
        "http://[::1",
        "http://a b/",
        "file:///etc/passwd",
        "ftp://a/b.mp3",
    ],
)
async def test_a_url_that_is_none(url: str, client: Client) -> None:
    code, reason, _ = await failure_of(client, url)
    assert (code, reason) == (Code.INVALID_ARGUMENT, Reason.MEDIA_URL_INVALID)


@pytest.mark.parametrize("host", ["10.1.2.3", "169.254.169.254", "[fd00::1]"])
async def test_a_url_into_a_private_network(host: str, client: Client) -> None:
    code, reason, _ = await failure_of(client, f"http://{host}/talk.mp3")
    assert (code, reason) == (Code.INVALID_ARGUMENT, Reason.MEDIA_URL_FORBIDDEN)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (Options(macro_chunk_size_sec=29), "macro_chunk_size_sec"),
        (Options(macro_chunk_size_sec=3601), "macro_chunk_size_sec"),
        (Options(micro_chunk_size_sec=4), "micro_chunk_size_sec"),
        (Options(micro_chunk_size_sec=31), "micro_chunk_size_sec"),
        (Options(initial_prompt="a" * 1001), "initial_prompt"),
        (Options(language="not a language"), "language"),
        # Well-formed, but nothing the English-only weights of the stack can do.
        (Options(language="xx"), "language"),
        (Options(language="de"), "language"),
        (Options(task=Task.TRANSLATE), "task"),
    ],
)
async def test_an_option_that_is_out_of_range(
    options: Options, named: str, client: Client, clip_url: str
) -> None:
    code, reason, message = await failure_of(client, clip_url, options)
    assert (code, reason) == (Code.INVALID_ARGUMENT, Reason.OPTION_OUT_OF_RANGE)
    assert named in message


async def test_a_task_of_another_version(stack: LocalStack, clip_url: str) -> None:
    request = pb.TranscribeRequest(media_url=clip_url)
    # 99 is no task of ours: what a newer client might send.
    request.options.MergeFromString(bytes([pb.TranscribeOptions.TASK_FIELD_NUMBER << 3, 99]))
    async with aio.insecure_channel(stack.address) as channel:
        with pytest.raises(aio.AioRpcError) as failure:
            await TranscriberStub(channel).Transcribe(request, timeout=60).read()
    error = transcription_error(failure.value, stack.address, None)
    assert (error.code, error.reason) == (Code.INVALID_ARGUMENT, Reason.OPTION_OUT_OF_RANGE)


async def test_no_splitter(clip_url: str, media_host: RangeServer, tmp_path: Path) -> None:
    async with (
        orchestrator([], tmp_path, splitter_wait_s=0.5) as running,
        Client(running.address) as client,
    ):
        code, reason, _ = await failure_of(client, clip_url)
        assert (code, reason) == (Code.UNAVAILABLE, Reason.SPLITTERS_UNAVAILABLE)
        await nothing_left_running(running, media_host)


async def test_no_triton(clip_url: str, media_host: RangeServer, tmp_path: Path) -> None:
    async with (
        service("inference", tmp_path, model="stand-in") as triton,
        splitters(1, triton.address, tmp_path, inference_wait_s=0.5) as hands,
        orchestrator(hands, tmp_path, chunk_attempts=2) as running,
        Client(running.address) as client,
    ):
        assert (await client.transcript(clip_url)).text
        await triton.kill()
        code, reason, _ = await failure_of(client, clip_url)
        assert (code, reason) == (Code.UNAVAILABLE, Reason.INFERENCE_UNAVAILABLE)
        await nothing_left_running(running, media_host)


async def test_a_full_queue(
    stack: LocalStack, ten_hours_url: str, clip_url: str, media_host: RangeServer, tmp_path: Path
) -> None:
    async with (
        orchestrator(stack.splitters[:1], tmp_path, max_jobs=1) as running,
        Client(running.address) as client,
    ):
        async with aclosing(client.transcribe(ten_hours_url)) as job:
            await anext(job)
            code, reason, _ = await failure_of(client, clip_url)
            assert (code, reason) == (Code.RESOURCE_EXHAUSTED, Reason.QUEUE_FULL)
        await nothing_left_running(running, media_host)
        assert (await client.transcript(clip_url)).text
