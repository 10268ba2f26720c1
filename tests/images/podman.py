"""Builds images and runs containers, with podman."""

import asyncio
import hashlib
import os
import shutil
import subprocess
import tomllib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.support.polling import eventually

ROOT: Final = Path(__file__).resolve().parents[2]
REGISTRY: Final = "localhost/fanscribe-test/"
# Where both are, runc: Debian's crun refuses the cgroups of some machines.
PODMAN: Final = ("podman", "--runtime", "runc") if shutil.which("runc") else ("podman",)

# Podman would raise both beyond what root may in some machines; a container needs far less.
_LIMITS: Final = ("--ulimit=nofile=4096:4096", "--ulimit=nproc=4096:4096")
_BUILD_S: Final = 1500
_COMMAND_S: Final = 60
_READY_S: Final = 120
_STOP_S: Final = 60


def podman(*arguments: str | Path) -> str:
    """What this command says; raises CalledProcessError, with a note of what went wrong."""
    return _run([*PODMAN, *map(str, arguments)], {}, _COMMAND_S)


def image_version() -> str:
    """The tag of the images."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        return str(tomllib.load(file)["project"]["version"])


def build_all() -> None:
    """Build every image with `make images`: on PYTHON_IMAGE if it is set, or a base made here."""
    builder = " ".join(PODMAN)
    base = os.environ.get("PYTHON_IMAGE") or _base_image(builder)
    options = os.environ.get("BUILD_FLAGS", "").split()
    triton = f"{REGISTRY}triton-stand-in"
    _run(
        [*PODMAN, "build", *options, "--build-arg", f"PYTHON_IMAGE={base}", "--tag", triton,
         "--file", "tests/images/triton.Dockerfile", "."],
        {}, _BUILD_S,
    )  # fmt: skip
    settings = {"BUILDER": builder, "REGISTRY": REGISTRY, "PYTHON_IMAGE": base}
    _run(["make", "images"], {**settings, "TRITON_IMAGE": triton}, _BUILD_S)


def _base_image(builder: str) -> str:
    """Name of a base image, made unless that was done before by the same script."""
    script = ROOT / "deploy/docker/base-image.sh"
    name = f"{REGISTRY}python:{hashlib.sha256(script.read_bytes()).hexdigest()[:12]}"
    if subprocess.run([*PODMAN, "image", "exists", name], check=False).returncode != 0:
        _run([str(script), name], {"BUILDER": builder}, _BUILD_S)
    return name


def _run(command: list[str], environment: Mapping[str, str], timeout_s: float) -> str:
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    if done.returncode != 0:
        raise AssertionError(f"{command} ended with {done.returncode}:\n{done.stderr[-4000:]}")
    return done.stdout


@dataclass(frozen=True)
class Container:
    """A container of an image, and the page that tells whether it is ready."""

    identity: str
    ready_url: str

    @property
    def log(self) -> str:
        """What it wrote."""
        command = [*PODMAN, "logs", self.identity]
        return subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True
        ).stdout

    def is_ready(self) -> bool:
        """What the image's own health check says; fails if the container has ended."""
        state = podman("inspect", "--format={{.State.Status}}", self.identity).strip()
        assert state == "running", self.log
        check = [*PODMAN, "exec", self.identity, "healthcheck", self.ready_url]
        return subprocess.run(check, capture_output=True, check=False).returncode == 0

    def stop(self) -> int:
        """Send it SIGTERM, and wait for its exit code; 137 if it takes longer than a minute."""
        _run([*PODMAN, "stop", f"--time={_STOP_S}", self.identity], {}, 2 * _STOP_S)
        return int(podman("inspect", "--format={{.State.ExitCode}}", self.identity))


@asynccontextmanager
async def container(
    image: str, ready_url: str, settings: Mapping[str, object], *options: str
) -> AsyncIterator[Container]:
    """Run an image as the chart does, in this machine's network, while inside."""
    started = podman(
        "run", "--detach", "--network=host",
        "--user=1000:1000", "--cap-drop=ALL", "--security-opt=no-new-privileges",
        "--read-only", "--read-only-tmpfs=false", "--tmpfs=/tmp:rw,mode=1777",
        *_LIMITS, *options,
        *(f"--env=FANSCRIBE_{name}={value}" for name, value in settings.items()),
        f"{REGISTRY}fanscribe-{image}:{image_version()}",
    )  # fmt: skip
    one = Container(started.strip(), ready_url)
    try:
        await eventually(
            lambda: asyncio.to_thread(one.is_ready), f"{image} is ready", deadline_s=_READY_S
        )
        yield one
    except Exception as error:
        error.add_note(one.log)
        raise
    finally:
        podman("rm", "--force", one.identity)
