"""The images, as far as they can be tried without building them."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from shutil import which

import pytest
from prometheus_client import CollectorRegistry
from tritonclient.grpc.aio import InferenceServerClient
from tritonclient.utils import InferenceServerException

from fanscribe.inference.installation import find_installation
from fanscribe.inference.launcher import free_ports
from fanscribe.runtime.health import Health
from fanscribe.runtime.pages import pages
from fanscribe.runtime.tls import ClientCredentials
from tests.chart.charts import ROOT
from tests.support.certificates import Authority

IMAGES = ROOT / "deploy/docker"
DOCKERFILES = sorted(IMAGES.glob("*.Dockerfile"))


@pytest.mark.parametrize("file", DOCKERFILES, ids=lambda file: file.stem)
def test_hadolint_finds_nothing(file: Path) -> None:
    program = Path(sys.prefix, "bin/hadolint")
    done = subprocess.run([program, file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("file", DOCKERFILES, ids=lambda file: file.stem)
def test_images_are_labelled_pinned_and_run_by_nobody_in_particular(file: Path) -> None:
    text = file.read_text()
    assert "USER 1000:1000" in text
    assert "HEALTHCHECK" in text
    assert "org.opencontainers.image.revision" in text
    images = [line for line in text.splitlines() if line.startswith("ARG") and "IMAGE=" in line]
    assert images
    assert all(":" in image and not image.endswith("latest") for image in images)


def _is_healthy(port: int, path: str) -> subprocess.Popen[bytes]:
    page = f"http://127.0.0.1:{port}{path}"
    return subprocess.Popen([sys.executable, IMAGES / "healthcheck.py", page])


async def _exit_code(process: subprocess.Popen[bytes]) -> int:
    return await asyncio.wait_for(asyncio.to_thread(process.wait), 60)


async def test_health_checks_tell_ready_from_not_ready() -> None:
    health = Health()
    with pages(CollectorRegistry(), health, "127.0.0.1", 0) as port:
        assert await _exit_code(_is_healthy(port, "/readyz")) == 1
        health.ready = True
        assert await _exit_code(_is_healthy(port, "/readyz")) == 0
    assert await _exit_code(_is_healthy(port, "/readyz")) == 1


@asynccontextmanager
async def _entry_point(
    folder: Path, **settings: str
) -> AsyncIterator[tuple[asyncio.subprocess.Process, int, int]]:
    """Run the GPU image's entry point, on the Triton of the wheel, and without a GPU.

    Yields its ports too, of gRPC and HTTP.
    """
    installation = find_installation()
    installation.copy_backend(folder / "backends")
    (folder / "bin").mkdir()
    # In the image it lies in PATH and knows where its backends are.
    program = folder / "bin/tritonserver"
    options = f"--backend-directory={folder}/backends --allow-gpu-metrics=0"
    program.write_text(
        f'#!/bin/sh\nexec {installation.binary} {options} --pinned-memory-pool-byte-size=0 "$@"\n'
    )
    program.chmod(0o755)
    environment = installation.environment(folder / "backends", threads=1)
    grpc, http, metrics = free_ports("127.0.0.1", [0, 0, 0])
    process = await asyncio.create_subprocess_exec(
        sys.executable, IMAGES / "triton_server.py", "--grpc-max-connection-age=300000",
        env={
            **environment,
            "PATH": f"{folder}/bin:{environment['PATH']}",
            "TMPDIR": str(folder),
            "FANSCRIBE_HOST": "127.0.0.1",
            "FANSCRIBE_PORT": str(grpc),
            "FANSCRIBE_HTTP_PORT": str(http),
            "FANSCRIBE_METRICS_PORT": str(metrics),
            "FANSCRIBE_WORKERS": "1",
            **settings,
        },
        stderr=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield process, grpc, http
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _until_ready(client: InferenceServerClient, process: asyncio.subprocess.Process) -> None:
    async with asyncio.timeout(120):
        while True:
            assert process.returncode is None, "tritonserver has ended"
            try:
                if await client.is_model_ready("whisper"):
                    return
            except InferenceServerException:
                await asyncio.sleep(0.2)


async def test_the_gpu_image_serves_the_model(tmp_path: Path) -> None:
    async with _entry_point(tmp_path, FANSCRIBE_MODEL="tiny.en") as (process, port, http):
        client = InferenceServerClient(f"127.0.0.1:{port}")
        try:
            await _until_ready(client, process)
            config = await client.get_model_config("whisper", as_json=True)
            assert config["config"]["parameters"]["compute_type"]["string_value"] == "int8"
            assert await _exit_code(_is_healthy(http, "/v2/health/ready")) == 0
        finally:
            await client.close()
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 60) == 0


async def test_the_gpu_image_speaks_tls_and_ends_when_its_certificate_is_renewed(
    tmp_path: Path,
) -> None:
    authority = Authority(tmp_path / "certificates")
    own, caller = authority.issue("own", "triton"), authority.issue("caller", "splitter")
    settings = {
        "FANSCRIBE_MODEL": "tiny.en",
        "FANSCRIBE_TLS_CERT_FILE": str(own.cert_file),
        "FANSCRIBE_TLS_KEY_FILE": str(own.key_file),
        "FANSCRIBE_TLS_CLIENT_CA_FILE": str(own.ca_file),
        "FANSCRIBE_TLS_RESTART_WITHIN_S": "0",
    }
    credentials = ClientCredentials(caller.client("triton"))
    async with _entry_point(tmp_path, **settings) as (process, port, _):
        client = InferenceServerClient(
            f"127.0.0.1:{port}",
            creds=credentials.current(),
            channel_args=list(credentials.channel_options),
        )
        plain = InferenceServerClient(f"127.0.0.1:{port}")
        try:
            await _until_ready(client, process)
            with pytest.raises(InferenceServerException, match="UNAVAILABLE"):
                await plain.is_model_ready("whisper")
        finally:
            await client.close()
            await plain.close()
        authority.renew(own, "triton")
        assert await asyncio.wait_for(process.wait(), 60) == 0


async def test_the_gpu_image_refuses_weights_it_was_not_told_of(tmp_path: Path) -> None:
    wrong = {"FANSCRIBE_MODEL": "tiny.en", "FANSCRIBE_MODEL_SHA256": "0" * 64}
    async with _entry_point(tmp_path, **wrong) as (process, _, _):
        assert await asyncio.wait_for(process.wait(), 60) == 78


def test_make_knows_every_image() -> None:
    make = which("make")
    assert make is not None
    said = subprocess.run(
        [make, "--dry-run", "--silent", "images", "STAMP=Makefile"],
        cwd=ROOT,
        env={**os.environ, "BUILDER": "true"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for image in ("orchestrator", "splitter", "inference-cpu", "inference-gpu"):
        assert f"fanscribe-{image}:" in said
