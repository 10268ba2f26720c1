"""Generates the Python modules of `protos/` beside their sources.

`python protos/generate.py [DIRECTORY]`: into DIRECTORY instead, for comparing.
"""

import sys
from importlib import resources
from pathlib import Path

from grpc_tools import protoc

ROOT = Path(__file__).parent


def generate(into: Path) -> None:
    """Run protoc over every .proto file. Raises RuntimeError if it fails."""
    sources = sorted(str(path.relative_to(ROOT)) for path in ROOT.rglob("*.proto"))
    well_known = resources.files("grpc_tools") / "_proto"
    plugins = Path(sys.executable).parent
    status = protoc.main(
        [
            "protoc",
            f"--proto_path={ROOT}",
            f"--proto_path={well_known}",
            f"--plugin=protoc-gen-mypy={plugins / 'protoc-gen-mypy'}",
            f"--plugin=protoc-gen-mypy_grpc={plugins / 'protoc-gen-mypy_grpc'}",
            f"--python_out={into}",
            f"--mypy_out={into}",
            f"--grpc_python_out={into}",
            f"--mypy_grpc_out={into}",
            *sources,
        ]
    )
    if status != 0:
        raise RuntimeError(f"protoc failed with status {status}")


if __name__ == "__main__":
    generate(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT)
