"""What a machine must have to run the local stack."""

import errno
import importlib.util
import shutil
import socket
from collections.abc import Iterable

# A module of each extra that the services need; all of them come with fanscribe[local].
_MODULES = ("aiohttp", "ctranslate2", "kubernetes", "onnxruntime", "pytriton", "tritonclient")
_PROGRAMS = ("ffmpeg", "ffprobe")


def missing_pieces(
    modules: Iterable[str] = _MODULES, programs: Iterable[str] = _PROGRAMS
) -> list[str]:
    """Name what is missing and how to install it, a sentence each; empty if all is there."""
    told = []
    absent = [name for name in modules if importlib.util.find_spec(name) is None]
    if absent:
        told.append(
            f"Python packages are missing ({', '.join(absent)}): "
            "install fanscribe with its extra `local`, as in `pip install 'fanscribe[local]'` "
            "(in a checkout: `make setup`)."
        )
    absent = [name for name in programs if shutil.which(name) is None]
    if absent:
        told.append(
            f"{' and '.join(absent)} not found: install ffmpeg, as in `sudo apt-get install ffmpeg`"
            " (in a checkout: `make setup`)."
        )
    return told


def is_taken(host: str, port: int) -> bool:
    """Whether somebody listens at `port` already; never for port 0."""
    with socket.socket() as probe:
        # As servers do: ports of connections that ended a moment ago count as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return error.errno == errno.EADDRINUSE
    return False
