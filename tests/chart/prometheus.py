"""A real Prometheus, asked what the chart's triggers ask."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from fanscribe.inference.launcher import free_ports
from tests.chart.charts import resources
from tests.chart.promtool import program
from tests.support.polling import eventually

# As the chart's PodMonitor, or its annotations, would label them.
LABELS = {"namespace": "speech", "app_kubernetes_io_instance": "demo"}


def trigger_queries() -> dict[str, str]:
    """Queries of all triggers by the triggers' names."""
    return {
        trigger["name"]: trigger["metadata"]["query"]
        for resource in resources("keda")
        if resource["kind"] == "ScaledObject"
        for trigger in resource["spec"]["triggers"]
    }


class Prometheus:
    """A server that scrapes `targets` each second."""

    def __init__(
        self, session: aiohttp.ClientSession, folder: Path, targets: Sequence[str]
    ) -> None:
        self._program = program("prometheus")
        self._session = session
        self._folder = folder
        (self._port,) = free_ports("127.0.0.1", [0])
        config = {
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s"},
            "scrape_configs": [
                {
                    "job_name": "fanscribe",
                    "static_configs": [{"targets": list(targets), "labels": LABELS}],
                }
            ],
        }
        (folder / "prometheus.yaml").write_text(json.dumps(config))

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self._port}"

    async def start(self) -> None:
        """Start it, or start it again with all that it knew."""
        self._process = await asyncio.create_subprocess_exec(
            self._program,
            f"--config.file={self._folder / 'prometheus.yaml'}",
            f"--storage.tsdb.path={self._folder / 'series'}",
            f"--web.listen-address=127.0.0.1:{self._port}",
            "--log.level=error",
        )
        await eventually(self._answers, "Prometheus answers", deadline_s=60)

    async def stop(self) -> None:
        """Stop it."""
        self._process.terminate()
        await self._process.wait()

    async def kill(self) -> None:
        """End it without a chance to write anything down."""
        self._process.kill()
        await self._process.wait()

    async def ask(self, query: str) -> list[float]:
        """Values of all series in the answer."""
        async with self._session.get(f"{self.url}/api/v1/query", params={"query": query}) as answer:
            answer.raise_for_status()  # it refuses while it starts
            found = json.loads(await answer.text())
        assert found["status"] == "success", found
        return [float(series["value"][1]) for series in found["data"]["result"]]

    async def scraped(self) -> None:
        """Wait until all targets have been scraped since now."""
        now_s = time.time()

        async def all_scraped() -> bool:
            found = await self.ask("timestamp(up)")
            return bool(found) and all(at_s > now_s for at_s in found)

        await eventually(all_scraped, "Prometheus scrapes", deadline_s=60)

    async def triggers(self) -> Mapping[str, list[float]]:
        """What KEDA's triggers would be answered now."""
        return {name: await self.ask(query) for name, query in trigger_queries().items()}

    async def _answers(self) -> bool:
        try:
            return await self.ask("vector(1)") == [1]
        except (aiohttp.ClientError, TimeoutError):
            return False


@asynccontextmanager
async def prometheus_of(folder: Path, targets: Sequence[str]) -> AsyncIterator[Prometheus]:
    """Run one with its files in `folder`."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session:
        server = Prometheus(session, folder, targets)
        await server.start()
        try:
            yield server
        finally:
            await server.stop()
