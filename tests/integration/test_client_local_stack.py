"""The local stack: real services as child processes, their addresses, deaths and ends."""

import asyncio
import os
import re
import signal
import socket
import urllib.request
from pathlib import Path

import psutil
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from fanscribe.client import Client
from fanscribe.client.file_server import served_file
from fanscribe.client.local_stack import LocalStack
from fanscribe.client.service_process import LocalStackError, ServiceProcess
from fanscribe.runtime.channels import open_channel
from tests.support.audio import english_clips
from tests.support.command import Terminal, end_of, running
from tests.support.polling import eventually
from tests.support.processes import all_gone

# Without weights, which take a moment to load.
UP = ("up", "--port", "0", "--model", "stand-in")


def family_of(pid: int) -> list[psutil.Process]:
    return psutil.Process(pid).children(recursive=True)


async def healthy(service: ServiceProcess) -> bool:
    async with open_channel(service.address) as channel:
        answer = await health_pb2_grpc.HealthStub(channel).Check(
            health_pb2.HealthCheckRequest(), timeout=10
        )
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


def page(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310
        return str(answer.read().decode())


async def test_a_stack_from_start_to_end(tmp_path: Path) -> None:
    steps: list[str] = []
    notes: list[str] = []
    clip = english_clips()[0]
    async with LocalStack(log_directory=tmp_path, tell=steps.append) as stack:
        watcher = asyncio.create_task(stack.watch(notes.append))
        services = [stack.inference, *stack.splitters, stack.orchestrator]
        assert [service.name for service in services] == [
            "inference",
            "splitter-1",
            "splitter-2",
            "orchestrator",
        ]
        for service in services[1:]:
            assert await healthy(service)
        for service in services:
            told = await asyncio.to_thread(page, f"http://{service.metrics_address}/metrics")
            assert "# HELP" in told

        async with served_file(clip.path) as url, Client(stack.address) as client:
            transcript = await client.transcript(url, timeout_s=60)
        assert transcript.segments

        third = await stack.add_splitter({"FANSCRIBE_SLOTS": "1"})
        assert third.name == "splitter-3"
        assert await healthy(third)

        await third.kill()
        assert not third.running
        os.kill(stack.splitters[1].pid, signal.SIGKILL)
        await eventually(lambda: bool(notes), "a word about the lost splitter")
        assert "splitter-2 was ended by SIGKILL" in notes[0]
        assert not watcher.done()

        os.kill(stack.orchestrator.pid, signal.SIGKILL)
        with pytest.raises(LocalStackError, match="orchestrator was ended by SIGKILL"):
            await asyncio.wait_for(watcher, 30)
        family = [
            process
            for service in (stack.inference, stack.splitters[0])
            for process in (psutil.Process(service.pid), *family_of(service.pid))
        ]
    assert steps[0] == "starting Triton with tiny.en"
    assert await stack.inference.wait() == 0
    assert await stack.splitters[0].wait() == 0
    assert all_gone(family)


async def test_a_service_that_ends_at_once_says_why(tmp_path: Path) -> None:
    broken = LocalStack(log_directory=tmp_path, inference_environment={"FANSCRIBE_WORKERS": "many"})
    with pytest.raises(LocalStackError, match="inference ended with status 78") as caught:
        await broken.__aenter__()
    assert "FANSCRIBE_WORKERS" in str(caught.value)
    assert str(tmp_path / "inference.log") in str(caught.value)


async def test_a_port_that_is_taken_is_told_at_once(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        async with running("up", "--port", port, "--log-dir", str(tmp_path)) as process:
            ended = await end_of(process)
    assert ended.status == 5
    assert f"port {port} is taken" in ended.stderr
    assert "starting" not in ended.stderr


async def test_no_child_survives_a_killed_parent(tmp_path: Path) -> None:
    async with running(*UP, "--log-dir", str(tmp_path)) as process:
        assert process.stdout is not None
        async with asyncio.timeout(120):
            while not (await process.stdout.readline()).startswith(b"try: "):
                pass
        family = family_of(process.pid)
        assert len(family) >= 4
        process.kill()
        await eventually(lambda: all_gone(family), "no process is left")


async def test_up_tells_its_addresses_and_stops_on_ctrl_c(tmp_path: Path) -> None:
    terminal = Terminal()
    arguments = (*UP, "--splitters", "1", "--log-dir", str(tmp_path))
    async with terminal.running(*arguments) as process, asyncio.timeout(120):
        await terminal.shows(lambda text: "Ctrl-C stops it" in text)
        told = dict(re.findall(r"([a-z]+(?:-\d)?) +gRPC (\S+)", terminal.text))
        assert set(told) == {"orchestrator", "splitter-1", "inference"}
        family = family_of(process.pid)
        process.send_signal(signal.SIGINT)
        assert await process.wait() == 0
        assert all_gone(family)


@pytest.mark.parametrize("signals", [1, 2])
async def test_ctrl_c_stops_the_stack_of_a_job(signals: int) -> None:
    clip = english_clips()[0]
    async with running("transcribe", str(clip.path)) as process, asyncio.timeout(120):
        await eventually(lambda: len(family_of(process.pid)) >= 2, "Triton is starting", 60)
        family = family_of(process.pid)
        for _ in range(signals):
            process.send_signal(signal.SIGINT)
        assert (await end_of(process)).status == 130
        await eventually(lambda: all_gone(family), "no process is left")


async def test_a_job_with_a_stack_of_its_own() -> None:
    clip = english_clips()[0]
    async with running("transcribe", str(clip.path), "--splitters", "1") as process:
        ended = await end_of(process)
    assert ended.status == 0, ended.stderr
    assert len(ended.stdout.split()) > 3
