"""Builds the images as `make image-test` does, and writes archives that containerd loads.

python -m tests.node.images FOLDER
"""

import sys
from pathlib import Path

from tests.images.podman import REGISTRY, build_all, image_version, podman

IMAGES = ("orchestrator", "splitter", "inference-cpu")


def _write_archives(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    build_all()
    for image in IMAGES:
        name = f"fanscribe-{image}:{image_version()}"
        archive = folder / f"{image}.tar"
        archive.unlink(missing_ok=True)
        podman("tag", f"{REGISTRY}{name}", f"localhost/{name}")
        podman("save", "--output", archive, f"localhost/{name}")


if __name__ == "__main__":
    _write_archives(Path(sys.argv[1]))
