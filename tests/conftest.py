"""What tests share: recordings, a web server that offers them, and one whole fanscribe."""

from collections.abc import AsyncIterator, Generator
from pathlib import Path

import pytest

from fanscribe.client import Client
from fanscribe.client.local_stack import LocalStack
from fanscribe.client.service_process import ServiceProcess
from tests.support.audio import encode, repeated
from tests.support.range_server import RangeServer
from tests.support.speech import Recording, minutes_of_speech, short_recordings
from tests.support.stack import log_tail, service

SPLITTERS = 4


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, object]:
    """Show the logs of the shared stack with a test that failed on it."""
    report = yield
    stack = getattr(item, "funcargs", {}).get("stack")
    if report.failed and isinstance(stack, LocalStack):
        for service in (stack.orchestrator, *stack.splitters, stack.inference):
            report.sections.append((f"log of {service.name}", log_tail(service)))
    return report


@pytest.fixture(scope="session")
def media_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where recordings are that the media host offers."""
    return tmp_path_factory.mktemp("media")


@pytest.fixture(scope="session")
async def media_host(media_folder: Path) -> AsyncIterator[RangeServer]:
    """A web server that offers the recordings."""
    async with RangeServer(media_folder) as server:
        yield server


@pytest.fixture(scope="session")
def speech(media_folder: Path) -> Recording:
    """About four minutes of speech."""
    return minutes_of_speech(media_folder)


@pytest.fixture(scope="session")
def speech_url(speech: Recording, media_host: RangeServer) -> str:
    """Where `speech` is offered."""
    return media_host.add(speech.path.name, speech.path)


@pytest.fixture(scope="session")
def clips(media_folder: Path) -> list[Recording]:
    """Four different recordings of about 50 s, in different formats."""
    return short_recordings(media_folder)


@pytest.fixture(scope="session")
def ten_hours(speech: Recording, media_folder: Path) -> Path:
    """A recording of ten hours: `speech` again and again."""
    once = encode(speech.path, media_folder / "once.m4a", "-ar", "16000", "-b:a", "24k")
    return repeated(once, media_folder / "ten_hours.m4a", 10 * 3600)


@pytest.fixture(scope="session")
def ten_hours_url(ten_hours: Path, media_host: RangeServer) -> str:
    """Where `ten_hours` is offered."""
    return media_host.add(ten_hours.name, ten_hours)


@pytest.fixture(scope="session")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LocalStack]:
    """A whole fanscribe with real weights, for tests that leave it as they found it."""
    logs = tmp_path_factory.mktemp("stack")
    async with LocalStack(model="tiny.en", splitters=SPLITTERS, log_directory=logs) as running:
        yield running


@pytest.fixture(scope="session")
async def stand_in(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ServiceProcess]:
    """A Triton whose model answers at once, for tests of what is around it."""
    async with service("inference", tmp_path_factory.mktemp("stand-in"), model="stand-in") as one:
        yield one


@pytest.fixture(scope="session")
async def client(stack: LocalStack) -> AsyncIterator[Client]:
    """A client of `stack`."""
    async with Client(stack.address) as connected:
        yield connected
