"""Keeps a node until it is interrupted, to look at by hand.

tests/node/inside.sh .venv/bin/python -m tests.node FOLDER [ARCHIVE...]
"""

import asyncio
import sys
from pathlib import Path

from fanscribe.runtime.server import stop_requested
from tests.node.containers import load
from tests.node.node import node


async def _main(folder: Path, archives: list[Path]) -> None:
    stop = stop_requested()
    async with node(folder, folder / "images") as plane:
        for archive in archives:
            load(archive)
        sys.stdout.write(f"KUBECONFIG={plane.kubeconfig}\n")
        sys.stdout.flush()
        await stop.wait()


asyncio.run(_main(Path(sys.argv[1]), [Path(archive) for archive in sys.argv[2:]]))
