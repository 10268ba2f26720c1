"""The chart on a real node where services speak TLS, and callers send a token."""

import base64
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from fanscribe.client import Client, ClientTls
from tests.chart.charts import COMPONENTS
from tests.cluster.control_plane import ControlPlane
from tests.cluster.release import Release
from tests.node.conftest import INSTALLED
from tests.node.pods import Pods
from tests.support.certificates import Authority
from tests.support.speech import Recording, word_error_rate

NAME = "private"
TOKEN = "a-token-of-thirty-two-characters-x"  # noqa: S105  of a release that lives as long as the test


def _secret(name: str, **files: bytes) -> dict[str, object]:
    data = {key: base64.b64encode(content).decode() for key, content in files.items()}
    metadata = {"name": name, "namespace": "speech"}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data}


@pytest.fixture
async def private(cluster: ControlPlane, tmp_path: Path) -> AsyncIterator[Client]:
    """A client of a release whose secrets hold certificates of one authority."""
    authority = Authority(tmp_path)
    for component in COMPONENTS:
        identity = authority.issue(component, f"{NAME}-fanscribe-{component}.speech.svc")
        files = {
            "tls.crt": identity.cert_file.read_bytes(),
            "tls.key": identity.key_file.read_bytes(),
            "ca.crt": authority.file.read_bytes(),
        }
        cluster.apply(_secret(f"{component}-tls", **files))
    cluster.apply(_secret("tokens", tokens=TOKEN.encode()))
    release = Release(cluster, "4", NAME)
    release.helm(
        *("install", *INSTALLED, "--set=tls.enabled=true", "--set=api.tokens.secretName=tokens"),
        *(f"--set=tls.secrets.{component}={component}-tls" for component in COMPONENTS),
    )
    assert "Succeeded" in release.helm("test")
    service = f"service/{NAME}-fanscribe-orchestrator"
    address = cluster.kubectl("get", service, "--output=jsonpath={.spec.clusterIP}")
    tls = ClientTls(authority.file, server_name=f"{NAME}-fanscribe-orchestrator.speech.svc")
    async with Client(f"{address}:50051", tls=tls, token=TOKEN) as client:
        yield client
    release.helm("uninstall", "--wait", "--timeout=110s")


async def test_pods_are_ready_and_jobs_done(
    private: Client, cluster: ControlPlane, recording: str, speech: Recording
) -> None:
    transcript = await private.transcript(recording, timeout_s=120)
    assert word_error_rate(speech.transcript, transcript.text) < 0.1
    pods = Pods(cluster, NAME)
    for component in COMPONENTS:
        (pod,) = await pods.of(component)
        assert [one["restartCount"] for one in pod["status"]["containerStatuses"]] == [0]
