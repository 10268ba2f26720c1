"""The length of a recording costs neither memory nor the time to the first text."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from fanscribe.client import Client, Completed, Plan, Progress, Segment
from fanscribe.client.service_process import ServiceProcess
from tests.support.audio import encode, repeated
from tests.support.processes import peak_memory_bytes
from tests.support.range_server import RangeServer
from tests.support.speech import Recording
from tests.support.stack import Cluster, orchestrator, splitters

TEN_MINUTES_S = 600
ALLOWED_GROWTH = 1.2


@asynccontextmanager
async def fresh_cluster(stand_in: ServiceProcess, folder: Path) -> AsyncIterator[Cluster]:
    """Two splitters of one slot: ten minutes give each a chunk, ten hours never more at a time."""
    async with (
        splitters(2, stand_in.address, folder, slots=1) as hands,
        orchestrator(hands, folder) as running,
    ):
        yield running


@pytest.fixture(scope="module")
def once(speech: Recording, media_folder: Path) -> Path:
    return encode(speech.path, media_folder / "memory.m4a", "-ar", "16000", "-b:a", "64k")


async def test_the_first_text_does_not_wait_for_a_look_at_the_whole_recording(
    stand_in: ServiceProcess, ten_hours_url: str, media_host: RangeServer, tmp_path: Path
) -> None:
    recording = media_host.document(ten_hours_url.rpartition("/")[2])
    sent_before = recording.bytes_sent
    async with (
        fresh_cluster(stand_in, tmp_path) as running,
        Client(running.address) as client,
    ):
        async for event in client.transcribe(ten_hours_url):
            match event:
                case Plan():
                    assert event.macro_chunks == 120
                case Progress():
                    assert event.macro_chunks_done <= 2
                case Segment():
                    break
    sent = recording.bytes_sent - sent_before
    assert sent < recording.size_bytes() / 4


async def test_an_hour_takes_no_more_memory_than_ten_minutes(
    stand_in: ServiceProcess, once: Path, media_host: RangeServer, tmp_path: Path
) -> None:
    await compare(3600, stand_in, once, media_host, tmp_path)


@pytest.mark.slow
async def test_ten_hours_take_no_more_memory_than_ten_minutes(
    stand_in: ServiceProcess, once: Path, media_host: RangeServer, tmp_path: Path
) -> None:
    await compare(10 * 3600, stand_in, once, media_host, tmp_path)


async def compare(
    duration_s: int, stand_in: ServiceProcess, once: Path, media_host: RangeServer, folder: Path
) -> None:
    """Hold the memory for a recording of `duration_s` against that for ten minutes."""
    peaks = {}
    for length_s in (TEN_MINUTES_S, duration_s):
        name = f"{length_s}_s.m4a"
        recording = repeated(once, folder / name, length_s)
        url = media_host.add(name, recording)
        async with fresh_cluster(stand_in, folder) as running:
            completed = await transcribed(running, url)
            assert completed.input_duration_ms == pytest.approx(length_s * 1000, abs=1000)
            peaks[length_s] = [
                peak_memory_bytes(one.pid) for one in (running.orchestrator, *running.splitters)
            ]
        recording.unlink()
    for short, long in zip(*peaks.values(), strict=True):
        assert long <= ALLOWED_GROWTH * short, peaks


async def transcribed(running: Cluster, url: str) -> Completed:
    """Run a job without keeping its text, which is not what is measured."""
    async with Client(running.address) as client:
        async for event in client.transcribe(url):
            if isinstance(event, Completed):
                return event
    raise AssertionError("the job ended without its balance")
