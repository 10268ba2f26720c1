"""The triggers' queries, asked of a real Prometheus that scrapes a real stack."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from fanscribe.client import Client
from fanscribe.client.local_stack import LocalStack
from fanscribe.inference.launcher import free_ports
from tests.chart.prometheus import Prometheus, prometheus_of
from tests.chart.test_scaling import TRITON
from tests.support.polling import eventually
from tests.support.stack import service

RECORDING_S = 10 * 3600


@pytest.fixture
async def prometheus(stack: LocalStack, tmp_path: Path) -> AsyncIterator[Prometheus]:
    """A Prometheus that scrapes every part of `stack`."""
    parts = [stack.orchestrator, *stack.splitters, stack.inference]
    async with prometheus_of(tmp_path, [part.metrics_address for part in parts]) as server:

        async def scraped() -> bool:
            return await server.ask("sum(up)") == [len(parts)]

        await eventually(scraped, "Prometheus scrapes every part", deadline_s=60)
        yield server


async def test_triggers_have_one_answer_idle_and_busy(
    prometheus: Prometheus, client: Client, ten_hours_url: str
) -> None:
    async def idle() -> bool:
        answers = await prometheus.triggers()
        return answers["chunks"] == [0] and answers["audio"] == [0]

    await eventually(idle, "nothing is outstanding", deadline_s=60)
    assert len((await prometheus.triggers())["waiting"]) == 1

    events = client.transcribe(ten_hours_url)
    try:
        await anext(events)

        async def busy() -> bool:
            (chunks,) = (await prometheus.triggers())["chunks"]
            return chunks > 100

        await eventually(busy, "the macro chunks of ten hours are outstanding", deadline_s=60)
        answers = await prometheus.triggers()
        (audio_s,) = answers["audio"]
        assert RECORDING_S / 2 < audio_s <= RECORDING_S + 1

        async def queued() -> bool:
            (waiting,) = (await prometheus.triggers())["waiting"]
            return waiting > 0

        await eventually(queued, "windows wait in Triton's queue", deadline_s=60)

        async def told() -> bool:
            (done,) = (await prometheus.triggers())["done"]
            return done > 0

        await eventually(told, "audio becomes text", deadline_s=60)
        for name in TRITON:
            # Those of GPUs exist where one is.
            if not name.startswith("nv_gpu"):
                assert await prometheus.ask(f'count({name}{{model="whisper"}}) > 0'), name
    finally:
        await events.aclose()
    await eventually(idle, "a job that was given up is outstanding no longer", deadline_s=60)


async def test_triggers_survive_restarts(ten_hours_url: str, tmp_path: Path) -> None:
    # Without splitters all of the recording stays outstanding.
    (port,) = free_ports("127.0.0.1", [0])
    outstanding = {"chunks": [120.0], "audio": [float(RECORDING_S)]}
    no_answer: dict[str, list[float]] = {"chunks": [], "audio": []}
    nothing = {"chunks": [0.0], "audio": [0.0]}
    # Those that are an answer even where there is no series.
    always = {"done": [0.0], "waiting": [0.0]}

    async with prometheus_of(tmp_path, [f"127.0.0.1:{port}"]) as prometheus:

        async def answers(
            *, become: dict[str, list[float]], allowed: dict[str, list[float]]
        ) -> None:
            """Fail if any answer on the way is neither."""

            async def became() -> bool:
                found = await prometheus.triggers()
                rounded = {name: [round(one) for one in values] for name, values in found.items()}
                told = {name: rounded[name] for name in become}
                assert all(rounded[name] == always[name] for name in always), rounded
                assert all(told[name] in (become[name], allowed[name]) for name in told), rounded
                return told == become

            await eventually(became, f"triggers are answered {become}", deadline_s=60)

        for before in (no_answer, no_answer):
            async with service("orchestrator", tmp_path, metrics_port=port) as orchestrator:
                await answers(become=nothing, allowed=before)
                async with Client(orchestrator.address) as client:
                    events = client.transcribe(ten_hours_url)
                    await anext(events)
                    await answers(become=outstanding, allowed=nothing)

                    await prometheus.kill()
                    await prometheus.start()
                    # By what it remembers, then by what it scrapes.
                    await answers(become=outstanding, allowed=outstanding)
                    await prometheus.scraped()
                    await answers(become=outstanding, allowed=outstanding)

                    await orchestrator.kill()
                    await events.aclose()
            # Its jobs ended with it; nobody says that there is nothing to do.
            await answers(become=no_answer, allowed=outstanding)
