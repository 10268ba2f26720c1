"""The images, built once: `make image-test` runs these tests, `make test` does not."""

import asyncio
import os
import shutil
from pathlib import Path

import pytest

from tests.images.podman import build_all

_BUILD_AND_RUN_S = 3600


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark them all, and give them time."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.images)
            item.add_marker(pytest.mark.timeout(_BUILD_AND_RUN_S))


@pytest.fixture(scope="session")
async def images() -> None:
    """Every image, built; skips where that cannot be done."""
    if os.geteuid() != 0:
        pytest.skip("images are built and run by root")
    for program in ("podman", "mmdebstrap"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is missing: apt-get install {program}")
    await asyncio.to_thread(build_all)
