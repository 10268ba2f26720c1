"""The pages of a process that Prometheus and probes ask for."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from prometheus_client import CollectorRegistry, Gauge

from fanscribe.runtime.channels import open_channel
from fanscribe.runtime.health import Health
from fanscribe.runtime.pages import pages
from fanscribe.runtime.server import LIVE, Bind, Server


@asynccontextmanager
async def asked(health: Health, host: str = "127.0.0.1") -> AsyncIterator[aiohttp.ClientSession]:
    registry = CollectorRegistry()
    Gauge("fanscribe_answer", "The answer.", registry=registry).set(42)
    with pages(registry, health, host, 0) as port:
        async with aiohttp.ClientSession(f"http://{Bind(host, port)}") as session:
            yield session


async def status(session: aiohttp.ClientSession, path: str) -> int:
    async with session.get(path) as answer:
        return answer.status


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_metrics_are_a_page(host: str) -> None:
    async with asked(Health(), host) as session, session.get("/metrics") as answer:
        assert "fanscribe_answer 42.0" in await answer.text()
        assert await status(session, "/") == 404


async def test_each_page_is_told_whole_whatever_was_told_before() -> None:
    health = Health()
    async with asked(health) as session:
        told = []
        for path, ready in (("/readyz", False), ("/", False), ("/readyz", True)):
            health.ready = ready
            async with session.get(path) as answer:
                told.append(await answer.text())
    assert told == ["no\n", "there are /metrics, /readyz and /healthz\n", "yes\n"]


async def test_a_server_is_ready_when_it_says_so_and_alive_all_the_time() -> None:
    server = Server([])
    async with asked(server.health) as session:
        assert await status(session, "/readyz") == 503
        async with server.listening(Bind("127.0.0.1", 0), grace_s=0) as bound:
            assert await status(session, "/readyz") == 503
            await server.set_ready(True)
            assert await status(session, "/readyz") == 200
            await server.set_ready(False)  # it drains
            assert await status(session, "/readyz") == 503
            assert await status(session, "/healthz") == 200
            async with open_channel(str(bound)) as channel:
                stub = health_pb2_grpc.HealthStub(channel)
                for name, expected in (("", "NOT_SERVING"), (LIVE, "SERVING")):
                    asked_for = health_pb2.HealthCheckRequest(service=name)
                    answer = await stub.Check(asked_for, timeout=10)
                    assert answer.status == health_pb2.HealthCheckResponse.ServingStatus.Value(
                        expected
                    )
        assert await status(session, "/readyz") == 503


async def test_a_process_whose_loop_is_gone_is_not_alive() -> None:
    made: list[Health] = []

    async def make() -> None:
        made.append(Health())

    thread = threading.Thread(target=lambda: asyncio.run(make()))
    thread.start()
    await asyncio.to_thread(thread.join)
    async with asked(made[0]) as session:
        assert await status(session, "/healthz") == 503


async def test_a_process_whose_loop_is_stuck_is_not_alive() -> None:
    stuck, end = threading.Event(), threading.Event()
    made: list[Health] = []

    async def get_stuck() -> None:
        made.append(Health())
        stuck.set()
        end.wait()

    thread = threading.Thread(target=lambda: asyncio.run(get_stuck()))
    thread.start()
    try:
        await asyncio.to_thread(stuck.wait)
        async with asked(made[0]) as session:
            assert await status(session, "/healthz") == 503
    finally:
        end.set()
        await asyncio.to_thread(thread.join)
