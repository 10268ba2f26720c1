"""Follows how many replicas each part of a release is told to have."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from tests.cluster.control_plane import ControlPlane, program
from tests.support.polling import eventually

_COLUMNS = r"{.metadata.labels.app\.kubernetes\.io/component} {.spec.replicas}"


class Replicas:
    """What Deployments were told, from when they are followed."""

    def __init__(self) -> None:
        self.now: dict[str, int] = {}
        self._changes: list[tuple[float, str, int]] = []

    def tell(self, component: str, replicas: int) -> None:
        """Take one in."""
        if self.now.get(component) != replicas:
            self.now[component] = replicas
            self._changes.append((time.monotonic(), component, replicas))

    def since(self, started_s: float, component: str) -> list[int]:
        """All numbers of a component that were told after a time (time.monotonic)."""
        return [told for at_s, one, told in self._changes if one == component and at_s > started_s]

    def took_s(self, started_s: float, component: str, replicas: int) -> float:
        """Return how long after a time a component was first told this number."""
        return next(
            at_s - started_s
            for at_s, one, told in self._changes
            if at_s > started_s and (one, told) == (component, replicas)
        )

    async def become(self, wanted: Mapping[str, int], deadline_s: float) -> None:
        """Wait for these."""
        await eventually(
            lambda: wanted.items() <= self.now.items(), f"replicas are {wanted}", deadline_s
        )


@asynccontextmanager
async def followed(plane: ControlPlane, release: str) -> AsyncIterator[Replicas]:
    """Follow those of a release."""
    process = await asyncio.create_subprocess_exec(
        program(Path(sys.prefix) / "helm/kubectl"),
        f"--kubeconfig={plane.kubeconfig}",
        *("get", "deployments", "--watch", "--namespace=speech"),
        f"--selector=app.kubernetes.io/instance={release}",
        rf'--output=jsonpath={_COLUMNS}{{"\n"}}',
        stdout=asyncio.subprocess.PIPE,
    )
    replicas = Replicas()
    reading = asyncio.create_task(_read(process, replicas))
    try:
        yield replicas
    finally:
        process.terminate()
        await reading
        await process.wait()


async def _read(process: asyncio.subprocess.Process, replicas: Replicas) -> None:
    assert process.stdout is not None
    async for line in process.stdout:
        component, _, told = line.decode().partition(" ")
        replicas.tell(component, int(told))
