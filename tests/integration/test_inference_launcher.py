"""The launcher: it starts Triton, says why if it cannot, and leaves nothing behind."""

import asyncio
import os
import signal
import socket
import tempfile
from pathlib import Path

import numpy as np
import psutil
import pytest

from fanscribe.client.service_process import ServiceProcess
from fanscribe.inference.run_folder import run_folder
from tests.support.polling import eventually
from tests.support.processes import all_gone
from tests.support.triton import RunningTriton, start_triton, transcribe, triton_client

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108


@pytest.fixture(autouse=True)
def temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Run folders of these tests lie in a folder of their own."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def run_folders(temporary_folder: Path) -> list[Path]:
    return list(temporary_folder.glob("fanscribe-inference-*"))


def shared_memory(run_folder: Path) -> list[Path]:
    return list(SHARED_MEMORY.glob(f"{run_folder.name}*"))


def children(triton: RunningTriton) -> list[psutil.Process]:
    return psutil.Process(triton.process.pid).children(recursive=True)


async def failure(model: str = "stand-in", **settings: object) -> tuple[int, str]:
    """Exit code and log of a launcher that cannot start."""
    with pytest.raises(RuntimeError) as error:
        async with start_triton(model, **settings):
            pass
    code, _, log = str(error.value).removeprefix("exit code ").partition(": ")
    return int(code), log


async def test_the_stand_in_keeps_the_contract(stand_in: ServiceProcess) -> None:
    async with triton_client(stand_in) as client:
        result = await transcribe(client, np.zeros(16_000, np.int16), language="fr")
    assert result["language"] == "fr"
    (segment,) = result["segments"]
    assert (segment["start_ms"], segment["end_ms"], segment["text"]) == (0, 1000, "Stand-in.")


async def test_connections_end_when_they_are_old_and_calls_do_not() -> None:
    async with (
        start_triton("stand-in", connection_age_s=1) as triton,
        triton_client(triton) as client,
    ):
        port = int(triton.address.rpartition(":")[2])
        connections: set[int] = set()  # by their ports on our side
        async with asyncio.timeout(60):
            while len(connections) < 3:
                result = await transcribe(client, np.zeros(16_000, np.int16))
                assert result["segments"]
                connections |= {
                    one.laddr.port
                    for one in psutil.Process().net_connections("tcp")
                    if one.raddr and one.raddr.port == port
                }


async def test_sigterm_ends_everything_and_leaves_nothing(temporary_folder: Path) -> None:
    async with start_triton("stand-in") as triton:
        processes = children(triton)
        (folder,) = run_folders(temporary_folder)
        assert len(processes) > 1
        assert shared_memory(folder)
        assert await triton.stop() == 0
    assert all_gone(processes)
    assert not shared_memory(folder)
    assert not folder.exists()


async def test_sigterm_while_starting_ends_it_too(temporary_folder: Path) -> None:
    starting = asyncio.create_task(failure("tiny.en"))
    await eventually(lambda: bool(run_folders(temporary_folder)), "it is starting")
    # The tests share a stack: its processes are children of this one too.
    (launcher,) = (
        child
        for child in psutil.Process().children()
        if child.environ().get("TMPDIR") == str(temporary_folder)
    )
    launcher.send_signal(signal.SIGTERM)
    code, _ = await starting
    assert code == 0
    assert not run_folders(temporary_folder)


async def test_triton_does_not_survive_a_killed_launcher(temporary_folder: Path) -> None:
    async with start_triton("stand-in") as triton:
        processes = children(triton)
        (folder,) = run_folders(temporary_folder)
        triton.process.kill()
        await triton.process.wait()
        await eventually(lambda: all_gone(processes), "Triton is gone")
    assert folder.exists()  # nobody was there to remove it
    with run_folder():  # as the next launcher does first
        assert not folder.exists()
        assert not shared_memory(folder)


async def test_a_living_run_keeps_its_folder(temporary_folder: Path) -> None:
    async with start_triton("stand-in") as one:
        (folder,) = run_folders(temporary_folder)
        with run_folder():
            assert folder.exists()
        async with triton_client(one) as client:
            assert await client.is_server_ready()


async def test_a_triton_that_dies_takes_the_launcher_along() -> None:
    async with start_triton("stand-in") as triton:
        (server,) = psutil.Process(triton.process.pid).children()
        server.kill()
        assert await triton.process.wait() == 1
    assert "Triton stopped by itself (exit code -9)" in triton.log[-1]["message"]


async def test_a_port_in_use_is_told_with_tritons_words() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        code, log = await failure(port=taken.getsockname()[1])
    assert code == 1
    assert "Triton did not start" in log
    assert "in use" in log.lower()


async def test_broken_weights_are_told_with_tritons_words(tmp_path: Path) -> None:
    for name in ("config.json", "model.bin", "tokenizer.json"):
        (tmp_path / name).write_text("{}")
    code, log = await failure(str(tmp_path))
    assert code == 1
    assert "model.bin" in log


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"model": "no-such-model"}, "FANSCRIBE_MODEL: 'no-such-model' is neither"),
        ({"model": "tiny.en", "model_sha256": "0" * 64}, "damaged"),
        ({"device": "tpu"}, "FANSCRIBE_DEVICE: Input should be 'cpu' or 'cuda'"),
    ],
)
async def test_settings_that_cannot_be_are_told_by_name(
    settings: dict[str, object], told: str
) -> None:
    code, log = await failure(**settings)
    assert code == os.EX_CONFIG
    assert told in log
