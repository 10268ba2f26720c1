"""SHA-256 of large files, computed once for each state of a file."""

import hashlib
import json
import os
import tempfile
from pathlib import Path

from fanscribe.inference.errors import SetupError


def verify(file: Path, expected: str, cache_dir: Path) -> None:
    """Raise SetupError unless `file` has the SHA-256 `expected`."""
    found = sha256_of(file, cache_dir)
    if found != expected:
        raise SetupError(
            f"{file} is damaged or not what it claims to be: its SHA-256 is {found}, expected "
            f"{expected}. Install or download it again."
        )


def sha256_of(file: Path, cache_dir: Path) -> str:
    """SHA-256 of `file` in hexadecimal, remembered as long as its size and time stay the same."""
    status = file.stat()
    state = {"path": str(file), "size_bytes": status.st_size, "mtime_ns": status.st_mtime_ns}
    name = hashlib.sha256(str(file).encode()).hexdigest()[:32]
    record_file = cache_dir / "digests" / f"{name}.json"
    record = _read(record_file)
    if {key: record.get(key) for key in state} == state:
        return str(record["sha256"])
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    write_atomically(record_file, json.dumps({**state, "sha256": digest}).encode())
    return digest


def write_atomically(file: Path, *parts: bytes | memoryview) -> None:
    """Write `parts` one after the other into `file`, which appears complete or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}-")
    try:
        with os.fdopen(descriptor, "wb") as stream:
            for part in parts:
                stream.write(part)
        Path(name).replace(file)
    finally:
        Path(name).unlink(missing_ok=True)


def _read(record_file: Path) -> dict[str, object]:
    try:
        record = json.loads(record_file.read_bytes())
    except (FileNotFoundError, ValueError):  # a record that cannot be read is as good as none
        return {}
    return record if isinstance(record, dict) else {}
