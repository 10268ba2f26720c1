"""The images, built and run as the chart runs them: no rights, a read-only root, /tmp alone."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from fanscribe.client import Client
from fanscribe.inference.launcher import free_ports
from fanscribe.inference.settings import InferenceSettings
from fanscribe.inference.weights import PACKAGED, resolve_weights
from tests.images.podman import REGISTRY, Container, container, image_version, podman
from tests.support.audio import joined_speech
from tests.support.range_server import RangeServer
from tests.support.speech import word_error_rate

pytestmark = pytest.mark.usefixtures("images")

INFERENCE = ("inference-cpu", "inference-gpu")


@asynccontextmanager
async def stack(inference: str) -> AsyncIterator[tuple[str, list[Container]]]:
    """Run one container of each service; yields the orchestrator's address, and all of them."""
    ports = free_ports("127.0.0.1", [0] * 7)
    grpc, http, metrics, splitter, splitter_pages, orchestrator, orchestrator_pages = ports
    weights = resolve_weights("tiny.en", InferenceSettings().cache_dir)
    model = {
        # On the stand-in of NVIDIA's image there is no GPU. It has no weights.
        "DEVICE": "cpu",
        "MODEL": "tiny.en" if inference == "inference-cpu" else "/weights",
        "MODEL_SHA256": PACKAGED["tiny.en"].sha256,
        "PORT": grpc,
        "HTTP_PORT": http,
        "METRICS_PORT": metrics,
    }
    media = {"MEDIA_ALLOWED_NETWORKS": "127.0.0.0/8"}
    async with (
        container(
            inference, f"http://127.0.0.1:{http}/v2/health/ready", model,
            f"--volume={weights}:/weights:ro",
        ) as first,
        container(
            "splitter", f"http://127.0.0.1:{splitter_pages}/readyz",
            {**media, "PORT": splitter, "METRICS_PORT": splitter_pages,
             "INFERENCE_ADDRESS": f"127.0.0.1:{grpc}"},
        ) as second,
        container(
            "orchestrator", f"http://127.0.0.1:{orchestrator_pages}/readyz",
            {**media, "PORT": orchestrator, "METRICS_PORT": orchestrator_pages,
             "SPLITTERS": f"127.0.0.1:{splitter}"},
        ) as third,
    ):  # fmt: skip
        yield f"127.0.0.1:{orchestrator}", [third, second, first]


@pytest.mark.parametrize("inference", INFERENCE)
async def test_containers_turn_a_recording_into_text_and_end_when_told(
    inference: str, tmp_path: Path
) -> None:
    recording = joined_speech(tmp_path / "speech.wav", 60)
    async with stack(inference) as (address, containers):
        async with RangeServer(tmp_path) as host, Client(address) as client:
            heard = await client.transcript(host.add("speech.wav", recording.path))
        assert word_error_rate(recording.transcript, heard.text) < 0.2
        for one in containers:
            assert await asyncio.to_thread(one.stop) == 0, one.log
            # Each line is a record, but what Triton says by itself in NVIDIA's image.
            if inference == "inference-cpu":
                assert all(json.loads(line) for line in one.log.splitlines())


@pytest.mark.parametrize("image", ["orchestrator", "splitter", *INFERENCE])
def test_images_say_what_they_are(image: str) -> None:
    version = image_version()
    (told,) = json.loads(podman("image", "inspect", f"{REGISTRY}fanscribe-{image}:{version}"))
    labels = told["Config"]["Labels"]
    assert labels["org.opencontainers.image.title"] == f"fanscribe-{image}"
    assert labels["org.opencontainers.image.version"] == version
    assert told["Config"]["User"] == "1000:1000"
    assert told["Healthcheck"]["Test"][:2] == ["CMD", "healthcheck"]
