"""The scripts that the chart runs in its pods: fetching weights, asking whether all is ready."""

import asyncio
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fanscribe.runtime.server import Bind, Server
from tests.chart.charts import CHART
from tests.support.certificates import Authority

FILES = CHART / "files"
WEIGHTS = b"weights"
DIGEST = hashlib.sha256(WEIGHTS).hexdigest()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Weights as an image holds them."""
    folder = tmp_path / "image"
    folder.mkdir()
    (folder / "model.bin").write_bytes(WEIGHTS)
    (folder / "config.json").write_text("{}")
    return folder


def _fetch(target: Path, digest: str = DIGEST, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": "/usr/bin:/bin", "HOSTNAME": "pod-1", "TARGET": str(target)}
    return subprocess.run(
        ["sh", FILES / "fetch_weights.sh"],
        env={**environment, "SHA256": digest, **more},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_weights_are_copied_from_an_image_and_checked(tmp_path: Path, source: Path) -> None:
    target = tmp_path / "volume" / "0123"
    done = _fetch(target, SOURCE=str(source))
    assert done.returncode == 0, done.stderr
    assert sorted(file.name for file in target.iterdir()) == ["config.json", "model.bin"]
    assert [folder.name for folder in target.parent.iterdir()] == ["0123"]


def test_weights_come_from_an_object_storage_by_rclone(tmp_path: Path, source: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    # Stands in for rclone: what it is called with, and the files it would bring.
    stand_in = programs / "rclone"
    stand_in.write_text(f'#!/bin/sh\necho "$@" >&2\ncp {source}/* "$5"\n')
    stand_in.chmod(0o755)
    target = tmp_path / "volume" / "0123"
    done = _fetch(target, REMOTE=":s3:models/base", PATH=f"{programs}:/usr/bin:/bin")
    assert done.returncode == 0, done.stderr
    assert "copy --retries 5 :s3:models/base" in done.stderr
    assert (target / "model.bin").read_bytes() == WEIGHTS


def test_weights_with_another_digest_are_refused(tmp_path: Path, source: Path) -> None:
    target = tmp_path / "volume" / "0123"
    done = _fetch(target, "1" * 64, SOURCE=str(source))
    assert done.returncode == 1
    assert DIGEST in done.stderr
    assert list(target.parent.iterdir()) == []


def test_weights_that_are_there_are_not_fetched_again(tmp_path: Path, source: Path) -> None:
    target = tmp_path / "volume" / "0123"
    assert _fetch(target, SOURCE=str(source)).returncode == 0
    (source / "model.bin").unlink()
    assert _fetch(target, SOURCE=str(source)).returncode == 0


def test_another_pod_that_was_faster_is_no_failure(tmp_path: Path, source: Path) -> None:
    target = tmp_path / "volume" / "0123"
    # The other's folder appears between the look and the rename.
    (source / "model.bin").rename(tmp_path / "model.bin")
    programs = tmp_path / "bin"
    programs.mkdir()
    stand_in = programs / "rclone"
    weights = tmp_path / "model.bin"
    stand_in.write_text(f'#!/bin/sh\ncp {weights} "$5"\nmkdir {target}\ncp {weights} {target}\n')
    stand_in.chmod(0o755)
    done = _fetch(target, REMOTE=":s3:x", PATH=f"{programs}:/usr/bin:/bin")
    assert done.returncode == 0, done.stderr
    assert [folder.name for folder in target.parent.iterdir()] == ["0123"]


async def _asked(address: Bind, **environment: str) -> tuple[int | None, str]:
    asking = await asyncio.create_subprocess_exec(
        *(sys.executable, FILES / "ready.py", str(address)),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, **environment},
    )
    said, _ = await asyncio.wait_for(asking.communicate(), 60)
    return asking.returncode, said.decode()


async def test_the_test_pod_waits_until_the_service_is_ready() -> None:
    server = Server([])
    async with server.listening(Bind("127.0.0.1", 0), grace_s=0) as bound:
        asking = asyncio.create_task(_asked(bound))
        await server.set_ready(True)
        assert await asking == (0, f"{bound}: ready\n")


@pytest.mark.parametrize("mutual", [False, True])
async def test_the_test_pod_asks_by_tls(mutual: bool, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    own = authority.issue("own", "demo-orchestrator.speech.svc")
    if mutual:
        authority.issue("tls", "demo-orchestrator.speech.svc")
    server = Server([])
    async with server.listening(Bind("127.0.0.1", 0), 0, own.server(mutual=mutual)) as bound:
        await server.set_ready(True)
        told = {"TLS_FOLDER": str(tmp_path), "TLS_NAME": "demo-orchestrator.speech.svc"}
        assert await _asked(bound, **told) == (0, f"{bound}: ready\n")
