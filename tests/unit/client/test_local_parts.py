"""Small parts of the local stack: what it needs, where it logs, whom it ends."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from fanscribe.client import tether
from fanscribe.client.file_server import is_loopback
from fanscribe.client.log_directory import new_log_directory
from fanscribe.client.log_tail import log_tail
from fanscribe.client.prerequisites import missing_pieces
from fanscribe.client.sessions import kill_session


@pytest.mark.parametrize(
    "target",
    [
        "localhost:50051",
        "127.0.0.1:1",
        "127.8.9.10:1",
        "[::1]:50051",
        "ipv4:127.0.0.1:1",
        "unix:/s",
    ],
)
def test_targets_on_this_machine(target: str) -> None:
    assert is_loopback(target)


@pytest.mark.parametrize(
    "target",
    ["example.org:50051", "10.0.0.1:1", "[2001:db8::1]:1", "localhost.example.org:1", ":1"],
)
def test_targets_elsewhere(target: str) -> None:
    assert not is_loopback(target)


def test_nothing_is_missing_where_all_is_there() -> None:
    assert missing_pieces(modules=["json"], programs=["sh"]) == []


def test_what_is_missing_is_named_with_a_remedy() -> None:
    modules, programs = missing_pieces(modules=["json", "no_such"], programs=["no-such-ffmpeg"])
    assert "no_such" in modules
    assert "fanscribe[local]" in modules
    assert "no-such-ffmpeg" in programs
    assert "apt-get install ffmpeg" in programs


def test_logs_go_to_the_state_folder_and_old_ones_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    stacks = tmp_path / "fanscribe" / "stacks"
    # No process has this number: it is above the kernel's greatest.
    old = [stacks / f"2020010{day}T000000-99999999" for day in range(1, 10)]
    alive = stacks / f"20190101T000000-{os.getpid()}"
    for folder in (*old, alive):
        folder.mkdir(parents=True)
    newest = new_log_directory()
    kept = set(stacks.iterdir())
    assert newest in kept
    assert alive in kept
    assert kept - {newest, alive} == set(old)
    new_log_directory()
    (stacks / "20200201T000000-99999999").mkdir()
    new_log_directory()
    assert old[0] not in set(stacks.iterdir())


def test_a_relative_state_folder_is_ignored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "state")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert new_log_directory().is_relative_to(tmp_path / ".local" / "state")


def test_a_log_ends_in_words(tmp_path: Path) -> None:
    log = tmp_path / "service.log"
    records = [{"level": "info", "message": f"step {number}"} for number in range(100)]
    records += [{"level": "info", "message": ""}]
    records += [{"level": "error", "message": "failed", "exception": "Trace\n\nOSError: in use"}]
    lines = [json.dumps(record) for record in records]
    log.write_text("\n".join([*lines, "a library's own words", '{"half": ']))
    told = log_tail(log).splitlines()
    assert told[0].startswith("info: step ")
    assert told[-3:] == ["error: failed: OSError: in use", "a library's own words", '{"half": ']
    assert len(told) == 15


def test_an_empty_log(tmp_path: Path) -> None:
    log = tmp_path / "service.log"
    log.touch()
    assert log_tail(log) == "(nothing)"


def test_a_command_without_its_extra_says_what_to_install() -> None:
    script = "import sys; sys.modules['rich'] = None; from fanscribe.client.cli import main; main()"
    command = [sys.executable, "-c", script]
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert run.returncode == 1
    assert "fanscribe[client]" in run.stderr
    assert "Traceback" not in run.stderr


_GRANDCHILD = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], process_group=0)
print(child.pid, flush=True)
time.sleep(600)
"""


def ended(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True
    return stat.rpartition(")")[2].split()[0] in ("Z", "X")


def test_a_session_is_killed_whatever_groups_it_made() -> None:
    command = [sys.executable, "-c", _GRANDCHILD]
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as leader:
        assert leader.stdout is not None
        grandchild = int(leader.stdout.readline())
        kill_session(leader.pid)
        assert leader.wait(10) == -signal.SIGKILL
    assert ended(grandchild)
    assert not ended(os.getpid())


def test_a_tethered_command_whose_parent_has_died_does_not_start() -> None:
    # Process 1 is not the parent of anything here.
    command = [sys.executable, tether.__file__, "1", sys.executable, "-c", "print('started')"]
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert run.returncode != 0
    assert run.stdout == ""
