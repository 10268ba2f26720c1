"""A media host that breaks while a recording is read: the same samples or the right error.

And whatever happens, nothing is left running.
"""

import asyncio
import os
import random
import signal
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest

from fanscribe.media.access import MediaAccess
from fanscribe.media.extraction import Extraction
from fanscribe.media.limits import KIB, MIB, MediaLimits
from fanscribe.media.timeline import SAMPLE_RATE, Span
from fanscribe.runtime.errors import FanscribeError, Reason
from tests.support.audio import decode, encode, joined_speech
from tests.support.policies import LOOPBACK
from tests.support.range_server import Fault, RangeServer

LIMITS = MediaLimits(
    attempts=4,
    backoff_s=0.01,
    backoff_max_s=0.02,
    stall_timeout_s=0.5,
    cache_bytes=0,
)
RANDOM = random.Random(7)
SPAN = Span(5 * SAMPLE_RATE + 7, 55 * SAMPLE_RATE)


@pytest.fixture(scope="module")
def flac(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("media")
    speech = joined_speech(folder / "speech.wav", 60)
    return encode(speech.path, folder / "speech.flac", "-ar", "44100")


@pytest.fixture
async def server(flac: Path) -> AsyncIterator[RangeServer]:
    async with RangeServer(flac.parent) as server:
        yield server
        await until(lambda: server.open_requests == 0)
        await until(lambda: not children())


@pytest.fixture
async def access() -> AsyncIterator[MediaAccess]:
    async with MediaAccess(LOOPBACK, LIMITS) as access:
        yield access


def children() -> list[str]:
    """Names of the ffmpeg processes that this one started and that still run."""
    processes = psutil.Process().children(recursive=True)
    return [process.name() for process in processes if process.name().startswith("ff")]


async def until(condition: Callable[[], bool], deadline_s: float = 10.0) -> None:
    async with asyncio.timeout(deadline_s):
        while not condition():  # noqa: ASYNC110  processes and sockets set no event
            await asyncio.sleep(0.01)


async def consume(extraction: Extraction) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    return np.concatenate([block async for block in extraction])


@pytest.mark.parametrize(
    "faults",
    [
        [Fault(reset_after_bytes=100_000, times=8)],
        [Fault(end_after_bytes=30_000, times=8)],
        [Fault(status=503, times=3)],
        [Fault(status=429, headers={"Retry-After": "1"}, times=2)],
        [Fault(stall_after_bytes=10_000, times=2)],
        [Fault(stall_head=True, times=2)],
        [Fault(status=500, times=1), Fault(bytes_per_s=400_000, times=3)],
        [
            Fault(**{kind: RANDOM.randrange(0, 200_000)}, times=1)
            for kind in RANDOM.choices(["reset_after_bytes", "end_after_bytes"], k=20)
        ],
        [
            Fault(status=500, times=2),
            Fault(reset_after_bytes=5, times=3),
            Fault(end_after_bytes=70_000, times=4),
            Fault(stall_after_bytes=0, times=1),
        ],
    ],
)
async def test_passing_faults_do_not_show(
    server: RangeServer, access: MediaAccess, flac: Path, faults: list[Fault]
) -> None:
    recording = await access.probe(server.url(flac.name))
    server.document(flac.name).faults = faults
    async with access.extract(recording, SPAN) as extraction:
        samples = await consume(extraction)
    assert np.array_equal(samples, decode(flac)[SPAN.start_sample : SPAN.end_sample])


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Fault(status=503), Reason.MEDIA_HOST_UNAVAILABLE),
        (Fault(stall_after_bytes=0), Reason.MEDIA_HOST_UNAVAILABLE),
        (Fault(reset_after_bytes=0), Reason.MEDIA_HOST_UNAVAILABLE),
        (Fault(status=404), Reason.MEDIA_NOT_FOUND),
        (Fault(status=403), Reason.MEDIA_ACCESS_DENIED),
        (Fault(status=412), Reason.MEDIA_CHANGED),
        (Fault(stall_head=True), Reason.MEDIA_HOST_UNAVAILABLE),
        (Fault(status=429, headers={"Retry-After": "0"}), Reason.MEDIA_HOST_UNAVAILABLE),
        (Fault(end_after_bytes=0), Reason.MEDIA_HOST_UNAVAILABLE),
        (Fault(ignore_range=True), Reason.MEDIA_RANGE_UNSUPPORTED),
        (Fault(content_range="bytes 0-9/10"), Reason.MEDIA_CHANGED),
        (Fault(content_range="bytes 7-8/*"), Reason.MEDIA_RANGE_UNSUPPORTED),
        (Fault(content_range="none"), Reason.MEDIA_RANGE_UNSUPPORTED),
        (Fault(redirect="http://10.0.0.1/a"), Reason.MEDIA_URL_FORBIDDEN),
        (Fault(redirect="file:///etc/passwd"), Reason.MEDIA_URL_INVALID),
    ],
    ids=lambda value: str(value) if isinstance(value, Reason) else None,
)
async def test_lasting_faults_end_the_reading_with_their_reason(
    server: RangeServer, access: MediaAccess, flac: Path, fault: Fault, reason: Reason
) -> None:
    recording = await access.probe(server.url(flac.name))
    fault.first_byte_from = 500 * KIB  # when audio has come out already
    server.document(flac.name).faults = [fault]
    async with access.extract(recording, SPAN) as extraction:
        with pytest.raises(FanscribeError) as refused:
            await consume(extraction)
    assert refused.value.reason is reason


@pytest.mark.parametrize(
    "validators",
    [
        {},
        {"last_modified": None},
        {"etag": None},
        {"etag": 'W/"1"', "last_modified": None},
    ],
)
async def test_a_recording_replaced_midway_is_never_spliced(
    server: RangeServer, access: MediaAccess, flac: Path, validators: dict[str, str | None]
) -> None:
    content = server.document(flac.name).piece(0, 10**9)
    recording = await access.probe(server.add("a", content, **validators))
    async with access.extract(recording, SPAN) as extraction:
        blocks = aiter(extraction)
        await anext(blocks)
        server.replace("a", content[:-1] + b"x")
        with pytest.raises(FanscribeError) as refused:
            async for _ in blocks:
                pass
    assert refused.value.reason is Reason.MEDIA_CHANGED


@pytest.mark.parametrize("change", [lambda old: old[:-1] + b"x", lambda old: old[: len(old) // 2]])
async def test_a_recording_replaced_after_its_head_was_kept_is_never_spliced(
    server: RangeServer, flac: Path, change: Callable[[bytes], bytes]
) -> None:
    content = server.document(flac.name).piece(0, 10**9)
    limits = replace(LIMITS, cache_bytes=64 * MIB, cache_edge_bytes=256 * KIB)
    async with MediaAccess(LOOPBACK, limits) as access:
        recording = await access.probe(server.add("a", content))
        server.replace("a", change(content))
        async with access.extract(recording, SPAN) as extraction:
            with pytest.raises(FanscribeError) as refused:
                await consume(extraction)
        assert refused.value.reason is Reason.MEDIA_CHANGED
        # The new one is another recording, of which nothing was kept.
        assert (await access.probe(server.url("a"))).source != recording.source


async def test_a_drip_ends_at_the_deadline(server: RangeServer, flac: Path) -> None:
    limits = MediaLimits(extract_deadline_s=1.0)
    async with MediaAccess(LOOPBACK, limits) as access:
        recording = await access.probe(server.add("a", flac, etag='"drip"'))
        server.document("a").faults = [Fault(bytes_per_s=2_000, first_byte_from=100 * KIB)]
        async with access.extract(recording, SPAN) as extraction:
            with pytest.raises(FanscribeError) as refused:
                await consume(extraction)
    assert refused.value.reason is Reason.MEDIA_HOST_UNAVAILABLE


async def test_a_drip_ends_as_soon_as_it_is_one(server: RangeServer, flac: Path) -> None:
    limits = MediaLimits(pace_window_s=0.5)
    async with MediaAccess(LOOPBACK, limits) as access:
        recording = await access.probe(server.add("a", flac, etag='"slow"'))
        server.document("a").faults = [Fault(bytes_per_s=2_000, first_byte_from=100 * KIB)]
        async with access.extract(recording, SPAN) as extraction:
            with pytest.raises(FanscribeError) as refused:
                await consume(extraction)
        assert refused.value.reason is Reason.MEDIA_HOST_UNAVAILABLE
        assert "4.0 KiB/s are needed" in refused.value.message


async def test_a_slow_consumer_is_not_a_slow_host(server: RangeServer, flac: Path) -> None:
    limits = MediaLimits(extract_deadline_s=1.0, least_bytes_per_s=64 * KIB, pace_window_s=0.5)
    async with MediaAccess(LOOPBACK, limits) as access:
        recording = await access.probe(server.url(flac.name))
        async with access.extract(recording, SPAN) as extraction:
            samples = 0
            async for block in extraction:
                samples += len(block)
                await asyncio.sleep(0.03)  # 1.5 s in all: the consumer's own time
    assert samples == SPAN.samples


async def test_leaving_early_stops_ffmpeg_and_the_requests(
    server: RangeServer, access: MediaAccess, flac: Path
) -> None:
    recording = await access.probe(server.url(flac.name))
    async with access.extract(recording, SPAN) as extraction:
        await anext(aiter(extraction))
        server.document(flac.name).faults = [Fault(stall_after_bytes=1000)]
        rest = asyncio.create_task(consume(extraction))
        await until(lambda: server.open_requests == 1)
        assert children()
        rest.cancel()
        await asyncio.wait([rest])
    assert not children()
    # The fixture waits for the request to end as well.


async def test_cancelling_stops_ffmpeg_and_the_requests(
    server: RangeServer, access: MediaAccess, flac: Path
) -> None:
    recording = await access.probe(server.url(flac.name))
    server.document(flac.name).faults = [Fault(stall_after_bytes=1000, first_byte_from=500 * KIB)]

    async def read() -> None:
        async with access.extract(recording, SPAN) as extraction:
            await consume(extraction)

    task = asyncio.create_task(read())
    await until(lambda: server.open_requests == 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not children()


async def test_cancelling_a_probe_stops_it(
    server: RangeServer, access: MediaAccess, flac: Path
) -> None:
    url = server.add("a", flac, faults=[Fault(stall_after_bytes=1000)])
    task = asyncio.create_task(access.probe(url))
    await until(lambda: server.open_requests == 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


READER = """
import asyncio, sys
from ipaddress import ip_network
from fanscribe.media.access import MediaAccess
from fanscribe.media.policy import SourcePolicy
from fanscribe.media.timeline import Span

async def main(url):
    async with MediaAccess(SourcePolicy((ip_network("127.0.0.0/8"),))) as access:
        recording = await access.probe(url)
        async with access.extract(recording, Span(0, recording.duration_samples)) as extraction:
            async for block in extraction:
                print("block", flush=True)
                await asyncio.sleep(3600)

asyncio.run(main(sys.argv[1]))
"""


async def test_ffmpeg_dies_with_a_process_that_is_killed(server: RangeServer, flac: Path) -> None:
    url = server.url(flac.name)
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", READER, url), stdout=asyncio.subprocess.PIPE
    )
    assert child.stdout is not None
    assert await child.stdout.readline() == b"block\n"
    (ffmpeg,) = psutil.Process(child.pid).children()
    os.kill(child.pid, signal.SIGKILL)
    await child.wait()
    await until(lambda: not ffmpeg.is_running() or ffmpeg.status() == psutil.STATUS_ZOMBIE)
