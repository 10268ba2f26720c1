"""The triggers' queries, asked of a real Prometheus that scrapes a real stack."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from shutil import which

import aiohttp
import pytest

from fanscribe.client import Client
from fanscribe.client.local_stack import LocalStack
from fanscribe.inference.launcher import free_ports
from tests.chart.charts import resources
from tests.chart.test_scaling import TRITON
from tests.support.polling import eventually

RECORDING_S = 10 * 3600
# As the chart's PodMonitor, or its annotations, would label them.
LABELS = {"namespace": "speech", "app_kubernetes_io_instance": "demo"}


def _queries() -> dict[str, str]:
    return {
        trigger["name"]: trigger["metadata"]["query"]
        for resource in resources("keda")
        if resource["kind"] == "ScaledObject"
        for trigger in resource["spec"]["triggers"]
    }


class Prometheus:
    """A running server."""

    def __init__(self, session: aiohttp.ClientSession, address: str) -> None:
        self._session = session
        self._url = f"http://{address}/api/v1/query"

    async def ask(self, query: str) -> list[float]:
        """Values of all series in the answer."""
        async with self._session.get(self._url, params={"query": query}) as answer:
            answer.raise_for_status()  # it refuses while it starts
            found = json.loads(await answer.text())
        assert found["status"] == "success", found
        return [float(series["value"][1]) for series in found["data"]["result"]]

    async def answers(self) -> dict[str, list[float]]:
        """What KEDA's triggers would be answered now."""
        return {name: await self.ask(query) for name, query in _queries().items()}


@pytest.fixture
async def prometheus(stack: LocalStack, tmp_path: Path) -> AsyncIterator[Prometheus]:
    """A Prometheus that scrapes every part of `stack` each second."""
    program = which("prometheus")
    if program is None:
        pytest.skip("no prometheus here: apt-get install --no-install-recommends prometheus")
    parts = [stack.orchestrator, *stack.splitters, stack.inference]
    targets = [{"targets": [part.metrics_address for part in parts], "labels": LABELS}]
    config = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s"},
        "scrape_configs": [{"job_name": "fanscribe", "static_configs": targets}],
    }
    file = tmp_path / "prometheus.yaml"
    file.write_text(json.dumps(config))
    (port,) = free_ports("127.0.0.1", [0])
    process = await asyncio.create_subprocess_exec(
        program,
        f"--config.file={file}",
        f"--storage.tsdb.path={tmp_path / 'series'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=error",
    )
    try:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session:
            server = Prometheus(session, f"127.0.0.1:{port}")

            async def scraped() -> bool:
                try:
                    return await server.ask("sum(up)") == [len(parts)]
                except (aiohttp.ClientError, TimeoutError):
                    return False

            await eventually(scraped, "Prometheus scrapes every part", deadline_s=60)
            yield server
    finally:
        process.terminate()
        await process.wait()


async def test_triggers_have_one_answer_idle_and_busy(
    prometheus: Prometheus, client: Client, ten_hours_url: str
) -> None:
    async def idle() -> bool:
        answers = await prometheus.answers()
        return answers["chunks"] == [0] and answers["audio"] == [0]

    await eventually(idle, "nothing is outstanding", deadline_s=60)
    assert len((await prometheus.answers())["waiting"]) == 1

    events = client.transcribe(ten_hours_url)
    try:
        await anext(events)

        async def busy() -> bool:
            (chunks,) = (await prometheus.answers())["chunks"]
            return chunks > 100

        await eventually(busy, "the macro chunks of ten hours are outstanding", deadline_s=60)
        answers = await prometheus.answers()
        (audio_s,) = answers["audio"]
        assert RECORDING_S / 2 < audio_s <= RECORDING_S + 1

        async def queued() -> bool:
            (waiting,) = (await prometheus.answers())["waiting"]
            return waiting > 0

        await eventually(queued, "windows wait in Triton's queue", deadline_s=60)
        for name in TRITON:
            # Those of GPUs exist where one is.
            if not name.startswith("nv_gpu"):
                assert await prometheus.ask(f'count({name}{{model="whisper"}}) > 0'), name
    finally:
        await events.aclose()
    await eventually(idle, "a job that was given up is outstanding no longer", deadline_s=60)
