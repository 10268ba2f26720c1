"""What an ffmpeg that runs here may use, and where it may go."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from fanscribe.media.access import MediaAccess
from fanscribe.media.ffmpeg import running
from fanscribe.media.limits import MIB, MediaLimits
from fanscribe.media.timeline import Span
from fanscribe.runtime.errors import FanscribeError, Reason
from tests.support.audio import encode, english_clips, silence
from tests.support.policies import LOOPBACK
from tests.support.range_server import RangeServer

CLIP = english_clips()[0].path


@pytest.fixture
async def server() -> AsyncIterator[RangeServer]:
    async with RangeServer() as server:
        yield server


async def test_memory_cpu_time_and_files_are_bounded(server: RangeServer, tmp_path: Path) -> None:
    hours = silence(tmp_path / "hours.wav", 7200)
    limits = MediaLimits(extract_deadline_s=200, ffmpeg_memory_bytes=700 * MIB)
    async with MediaAccess(LOOPBACK, limits) as access:
        recording = await access.probe(server.add("hours.wav", hours))
        async with access.extract(recording, Span(0, recording.duration_samples)) as extraction:
            await anext(aiter(extraction))
            # The tests share a stack: its processes are children of this one too.
            children = psutil.Process().children()
            (ffmpeg,) = (child for child in children if child.name() == "ffmpeg")
            assert ffmpeg.rlimit(psutil.RLIMIT_AS) == (700 * MIB, 700 * MIB)
            assert ffmpeg.rlimit(psutil.RLIMIT_CPU) == (200, 200)
            assert ffmpeg.rlimit(psutil.RLIMIT_FSIZE) == (0, 0)
            assert ffmpeg.rlimit(psutil.RLIMIT_CORE) == (0, 0)
            environment = ffmpeg.environ()
    assert set(environment) <= {"PATH", "LC_ALL", "http_proxy", "no_proxy"}


async def test_more_computing_than_is_allowed_is_told_as_that() -> None:
    second = MediaLimits(probe_deadline_s=1, extract_deadline_s=1)
    endless = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "anullsrc", "-f", "null", "-"]
    async with running(endless, second) as process, asyncio.timeout(60):
        assert await process.stdout.read() == b""
        with pytest.raises(FanscribeError) as refused:
            await process.check_bounds()
    assert refused.value.reason is Reason.MEDIA_UNREADABLE


async def test_more_memory_than_is_allowed_is_told_as_that() -> None:
    little = MediaLimits(ffmpeg_memory_bytes=512 * MIB)
    # Backwards: all of it has to be there before the first sample comes out.
    much = ["-f", "lavfi", "-i", "anullsrc=r=48000:cl=7.1:d=1000", "-af", "areverse"]
    command = ["ffmpeg", "-v", "error", *much, "-f", "null", "-"]
    async with running(command, little) as process, asyncio.timeout(60):
        assert await process.stdout.read() == b""
        with pytest.raises(FanscribeError) as refused:
            await process.check_bounds()
    assert refused.value.reason is Reason.MEDIA_UNREADABLE
    assert "memory" in refused.value.message


async def test_a_description_without_end_is_told_as_that(
    server: RangeServer, tmp_path: Path
) -> None:
    tags = tmp_path / "tags.txt"
    tags.write_text(";FFMETADATA1\n[STREAM]\nlanguage=" + "x" * 5 * MIB)
    clip = tmp_path / "clip.mkv"
    options = ("-i", str(tags), "-map_metadata:s:a", "1:s:0", "-c:a", "pcm_s16le")
    encode(CLIP, clip, *options)
    async with MediaAccess(LOOPBACK) as access:
        with pytest.raises(FanscribeError) as refused:
            await access.probe(server.add("clip.mkv", clip))
    assert refused.value.reason is Reason.MEDIA_UNREADABLE
    assert "tags" in refused.value.message


async def test_no_host_but_the_loopback_gateway_is_asked() -> None:
    """Even where no format whitelist, and no code of ours, would hold ffmpeg back."""
    async with RangeServer(host="127.0.0.2") as elsewhere:
        url = elsewhere.add("clip", CLIP)
        async with running(["ffprobe", "-v", "error", url], MediaLimits()) as process:
            async with asyncio.timeout(20):
                await process.stdout.read()
            assert await process.exit_code() != 0
        assert not elsewhere.connections
