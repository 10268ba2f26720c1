"""The pods of a release: how many, how they are, and what happens to them."""

import asyncio
import json
from typing import Any

from tests.cluster.control_plane import ControlPlane
from tests.support.metrics import scrape

_READY_S = 100


class Pods:
    """Of a release of the chart in namespace `speech`."""

    def __init__(self, cluster: ControlPlane, release: str) -> None:
        self._cluster = cluster
        self._release = release

    async def of(self, component: str) -> list[dict[str, Any]]:
        """Those of a component that are not on their way out."""
        labels = (
            f"app.kubernetes.io/instance={self._release},app.kubernetes.io/component={component}"
        )
        found = json.loads(await self._kubectl("get", "pods", f"-l={labels}", "--output=json"))
        return [pod for pod in found["items"] if "deletionTimestamp" not in pod["metadata"]]

    async def scale(self, component: str, replicas: int) -> None:
        """Scale a component, and wait until its pods are ready."""
        deployment = f"deployment/{self._release}-fanscribe-{component}"
        await self._kubectl("scale", deployment, f"--replicas={replicas}")
        await self._kubectl("rollout", "status", deployment, f"--timeout={_READY_S}s")

    async def replace(self, component: str, *how: str) -> None:
        """Delete the pods of a component, and wait until others are ready."""
        names = [pod["metadata"]["name"] for pod in await self.of(component)]
        await self._kubectl("delete", "pod", *names, "--wait=false", *how)
        deployment = f"deployment/{self._release}-fanscribe-{component}"
        await self._kubectl("rollout", "status", deployment, f"--timeout={_READY_S}s")

    async def connected_splitters(self) -> float:
        """How many splitters the only orchestrator is connected to."""
        (pod,) = await self.of("orchestrator")
        page = await scrape(f"{pod['status']['podIP']}:9090")
        return page.total("fanscribe_splitters_connected")

    async def _kubectl(self, *arguments: str) -> str:
        # By a thread, for jobs go on meanwhile.
        return await asyncio.to_thread(self._cluster.kubectl, *arguments)
