"""Cores that a process may use, as the kernel tells containers."""

import os
from pathlib import Path

import pytest

from fanscribe.inference.cores import available_cores

HERE = len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("own", "files", "cores"),
    [
        ("0::/\n", {}, HERE),
        ("0::/\n", {"cpu.max": "max 100000\n"}, HERE),
        ("0::/\n", {"cpu.max": "100000 100000\n"}, 1),
        ("0::/\n", {"cpu.max": "50000 100000\n"}, 1),  # less than one is one
        ("0::/\n", {"cpu.max": "1000000000 100000\n"}, HERE),
        # The group around it counts, too; a path of outside the container does not exist in it.
        ("0::/pods/one\n", {"pods/cpu.max": "100000 100000\n", "pods/one/cpu.max": "max 1\n"}, 1),
        ("0::/kubepods.slice/none\n", {"cpu.max": "100000 100000\n"}, 1),
        # Version 1.
        (
            "4:memory:/x\n3:cpu,cpuacct:/\n",
            {
                "cpu,cpuacct/cpu.cfs_quota_us": "100000\n",
                "cpu,cpuacct/cpu.cfs_period_us": "100000\n",
            },
            1,
        ),
        ("3:cpu:/\n0::/\n", {"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "1\n"}, HERE),
    ],
)
def test_a_quota_bounds_the_cores(
    own: str, files: dict[str, str], cores: int, tmp_path: Path
) -> None:
    (tmp_path / "own").write_text(own)
    for name, content in files.items():
        file = tmp_path / "groups" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    assert available_cores(tmp_path / "own", tmp_path / "groups") == cores


def test_without_control_groups_there_is_affinity(tmp_path: Path) -> None:
    assert available_cores(tmp_path / "none", tmp_path) == HERE


def test_two_cores_of_a_quota_are_two(tmp_path: Path) -> None:
    (tmp_path / "own").write_text("0::/\n")
    (tmp_path / "cpu.max").write_text("250000 100000\n")
    assert available_cores(tmp_path / "own", tmp_path) == min(2, HERE)
