"""How many cores this process may use: the machine's, as far as they are given to it."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_OWN_GROUPS: Final = Path("/proc/self/cgroup")
_GROUPS: Final = Path("/sys/fs/cgroup")


def available_cores(own_groups: Path = _OWN_GROUPS, groups: Path = _GROUPS) -> int:
    """Whole cores, at least one: what affinity allows, and the CPU quotas of its control groups.

    A container's limit (`limits.cpu`) is such a quota; the cores it sees are the node's.
    """
    return max(1, int(min([len(os.sched_getaffinity(0)), *_quotas(own_groups, groups)])))


def _quotas(own_groups: Path, groups: Path) -> Iterator[float]:
    """Quotas in cores, of this process's group and those around it, version 1 or 2."""
    if not own_groups.exists():
        return
    for line in own_groups.read_text().splitlines():
        _, controllers, own = line.split(":", 2)
        # Version 2 has one tree of all controllers.
        if controllers and "cpu" not in controllers.split(","):
            continue
        tree = groups / controllers
        group = tree / own.strip("/")
        for folder in (group, *group.parents):
            yield from _quota(folder)
            if folder == tree:
                break


def _quota(folder: Path) -> Iterator[float]:
    """The quota of one group, if it has one."""
    new, old = folder / "cpu.max", folder / "cpu.cfs_quota_us"
    if new.exists():
        quota, period = new.read_text().split()
    elif old.exists():
        quota, period = old.read_text(), (folder / "cpu.cfs_period_us").read_text()
    else:
        return
    if quota.strip() not in ("max", "-1"):
        yield int(quota) / int(period)
