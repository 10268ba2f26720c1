"""The Triton of the nvidia-pytriton wheel: where it lies and what it needs."""

import importlib.metadata
import os
import shutil
import sys
import sysconfig
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from fanscribe.inference.errors import SetupError

# Of the model's memory, what the allocator keeps though it is free.
_KEPT_BYTES: Final = 1 << 30
_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


@dataclass(frozen=True)
class Installation:
    """Triton as the wheel brings it."""

    # .../site-packages/pytriton/tritonserver
    root: Path

    @property
    def binary(self) -> Path:
        """The server."""
        return self.root / "bin" / "tritonserver"

    @property
    def _libraries(self) -> Path:
        return self.root.parents[1] / "nvidia_pytriton.libs"

    def copy_backend(self, target: Path) -> None:
        """Put the Python backend and this Python's stub into the new backend folder `target`."""
        backend = target / "python"
        shutil.copytree(self.root / "backends" / "python", backend)
        stub = self.root / "python_backend_stubs" / _PYTHON / "triton_python_backend_stub"
        shutil.copy2(stub, backend)
        # The stub for 3.13 comes with a libpython that was built elsewhere, with other modules
        # built in than this Python's standard library expects: on Debian it lacks `_datetime`,
        # which numpy needs. This Python's own library stands in for it.
        for library in self._libraries.glob("libpython*.so*"):
            (backend / library.name).symlink_to(_shared_library())

    def environment(self, backends: Path, threads: int) -> dict[str, str]:
        """Environment for the server: its libraries, this Python, `threads` for each model.

        `backends` is the folder that `copy_backend` filled.
        """
        libraries = [str(backends / "python"), str(self._libraries)]
        if shared := sysconfig.get_config_var("LIBDIR"):
            libraries.append(shared)
        return {
            # Every batch takes hundreds of megabytes and gives them back. Memory that the allocator
            # keeps need not be zeroed anew by the kernel, up to a tenth of the CPU time.
            "MALLOC_MMAP_MAX_": "0",
            "MALLOC_TRIM_THRESHOLD_": str(_KEPT_BYTES),
            **os.environ,
            "LD_LIBRARY_PATH": ":".join(libraries),
            # The stub ignores PYTHONPATH; it takes the packages of the first `python3` it finds.
            "PATH": f"{Path(sys.executable).parent}:{os.environ.get('PATH', os.defpath)}",
            # One thread for each instance, in numpy too.
            "OMP_NUM_THREADS": str(threads),
            "OPENBLAS_NUM_THREADS": str(threads),
        }


def find_installation() -> Installation:
    """Find the wheel's Triton; raises SetupError if it is missing or cannot run here."""
    spec = find_spec("pytriton")
    if spec is None or not spec.submodule_search_locations:
        raise SetupError("Triton is not installed: pip install 'fanscribe[triton]'")
    root = Path(spec.submodule_search_locations[0]) / "tritonserver"
    if not (root / "bin" / "tritonserver").is_file():
        raise SetupError(
            f"the installed nvidia-pytriton holds no server at {root}; it exists for x86-64 Linux "
            "only. Elsewhere run Triton's container image (see services/inference/README.md)"
        )
    _check_python(root)
    _check_packages()
    return Installation(root)


def _check_python(root: Path) -> None:
    if not (root / "python_backend_stubs" / _PYTHON).is_dir():
        have = sorted(folder.name for folder in (root / "python_backend_stubs").iterdir())
        raise SetupError(
            f"Triton's Python backend does not support Python {_PYTHON}, only {', '.join(have)}"
        )
    _shared_library()


def _shared_library() -> Path:
    """Find this Python as a shared library; raises SetupError if there is none."""
    name = f"libpython{_PYTHON}.so.1.0"
    own = sysconfig.get_config_var("LIBDIR") or "/usr/lib"
    # Its own folder; for a Python that was linked statically, those of Debian and Fedora.
    for folder in (own, "/usr/lib/x86_64-linux-gnu", "/usr/lib64"):
        path = Path(folder, name)
        if path.exists():
            return path
    raise SetupError(
        f"Triton's Python backend needs the shared library {name}: "
        f"apt-get install libpython{_PYTHON} (or a Python built with --enable-shared)"
    )


def _check_packages() -> None:
    for package in ("ctranslate2", "tokenizers", "numpy"):
        if find_spec(package) is None:
            raise SetupError(f"{package} is not installed: pip install 'fanscribe[inference]'")
    version = importlib.metadata.version("numpy")
    if int(version.split(".")[0]) >= 2:
        raise SetupError(
            f"numpy {version} breaks the strings of this Triton's Python backend: "
            "pip install 'numpy<2'"
        )
