"""The chart on a real node: pods, probes, services and names, and jobs while pods come and go."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from fanscribe.client import Client, Transcript
from fanscribe.inference.launcher import free_ports
from tests.chart.charts import COMPONENTS
from tests.cluster.control_plane import ControlPlane, program
from tests.cluster.release import Release
from tests.node.conftest import INSTALLED
from tests.node.pods import Pods
from tests.support.command import run
from tests.support.jobs import OPTIONS, events_of, same_text
from tests.support.polling import eventually
from tests.support.speech import Recording, word_error_rate

_AT_A_TIME = 2  # jobs


class Jobs:
    """Jobs of one recording, one after the other, while something happens."""

    def __init__(self, client: Client, url: str, undisturbed: Transcript) -> None:
        self._client = client
        self._url = url
        self._undisturbed = undisturbed

    @asynccontextmanager
    async def all_the_while(self) -> AsyncIterator[None]:
        """Run them meanwhile. Each must tell the same text."""
        over = asyncio.Event()

        async def go_on() -> None:
            while not over.is_set():
                same_text(await events_of(self._client, self._url), self._undisturbed)

        async with asyncio.TaskGroup() as group:
            for _ in range(_AT_A_TIME):
                group.create_task(go_on())
            yield
            over.set()


@pytest.fixture(scope="module")
async def jobs(orchestrator: Client, recording: str) -> Jobs:
    """Jobs, and what they tell when nothing happens."""
    calm = await orchestrator.transcript(recording, OPTIONS, timeout_s=120)
    return Jobs(orchestrator, recording, calm)


@asynccontextmanager
async def port_forward(cluster: ControlPlane, service: str) -> AsyncIterator[int]:
    """Forward a port of this machine to the service's, as NOTES say."""
    (port,) = free_ports("127.0.0.1", [0])
    kubectl = program(Path(sys.prefix) / "helm/kubectl")
    process = await asyncio.create_subprocess_exec(
        *(kubectl, f"--kubeconfig={cluster.kubeconfig}", "port-forward", service, f"{port}:50051"),
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(20):
            assert (await process.stdout.readline()).startswith(b"Forwarding from")
        yield port
    finally:
        process.terminate()
        await process.communicate()


async def test_pods_are_ready_by_their_probes_and_stay(pods: Pods, release: Release) -> None:
    assert "Succeeded" in release.helm("test")
    for component in COMPONENTS:
        (pod,) = await pods.of(component)
        (container,) = pod["status"]["containerStatuses"]
        assert container["ready"]
        assert container["restartCount"] == 0


async def test_the_command_transcribes_through_a_forwarded_port(
    cluster: ControlPlane, release: Release, recording: str, speech: Recording
) -> None:
    service = f"service/{release.name}-fanscribe-orchestrator"
    async with port_forward(cluster, service) as port:
        done = await run("transcribe", "--server", f"localhost:{port}", recording)
    assert done.status == 0, done.stderr
    assert word_error_rate(speech.transcript, done.stdout) < 0.1


async def test_no_text_is_lost_while_replicas_come_and_go(pods: Pods, jobs: Jobs) -> None:
    async with jobs.all_the_while():
        for splitters, tritons in ((3, 1), (3, 2), (1, 1)):
            await pods.scale("splitter", splitters)
            await pods.scale("inference", tritons)
            await eventually(
                _that_many_splitters(pods, splitters), f"{splitters} are connected", 60
            )


def _that_many_splitters(pods: Pods, number: int) -> Callable[[], Awaitable[bool]]:
    async def connected() -> bool:
        return await pods.connected_splitters() == number

    return connected


@pytest.mark.parametrize("component", ["splitter", "inference"])
@pytest.mark.parametrize("how", [(), ("--grace-period=0", "--force")], ids=["deleted", "killed"])
async def test_no_text_is_lost_with_a_pod(
    pods: Pods, jobs: Jobs, component: str, how: tuple[str, ...]
) -> None:
    async with jobs.all_the_while():
        await pods.replace(component, *how)


async def test_no_text_is_lost_in_an_upgrade_and_back(
    release: Release, pods: Pods, jobs: Jobs
) -> None:
    before = {pod["metadata"]["name"] for part in COMPONENTS for pod in await pods.of(part)}
    changes = [f"--set={part}.logLevel=debug" for part in COMPONENTS]
    async with jobs.all_the_while():
        await asyncio.to_thread(release.helm, "upgrade", *INSTALLED, *changes)
        between = {pod["metadata"]["name"] for part in COMPONENTS for pod in await pods.of(part)}
        await asyncio.to_thread(release.helm, "rollback", "1", "--wait", "--timeout=110s")
    after = {pod["metadata"]["name"] for part in COMPONENTS for pod in await pods.of(part)}
    assert before.isdisjoint(between)
    assert between.isdisjoint(after)


async def test_nothing_is_left_when_it_is_removed(release: Release) -> None:
    release.helm("uninstall", "--wait", "--timeout=110s")
    kinds = (
        "pods,deployments,replicasets,services,endpointslices,serviceaccounts,roles,rolebindings,"
        "networkpolicies,poddisruptionbudgets,configmaps"
    )
    await eventually(lambda: release.found(kinds) == [], "all is gone", 60)
