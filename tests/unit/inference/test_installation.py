"""What Triton's process is given to run in."""

from pathlib import Path

import pytest

from fanscribe.inference.installation import Installation


def test_memory_is_kept_unless_the_environment_says_otherwise(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    installation = Installation(tmp_path / "pytriton" / "tritonserver")
    for name in ("MALLOC_MMAP_MAX_", "MALLOC_TRIM_THRESHOLD_"):
        monkeypatch.delenv(name, raising=False)
    kept = installation.environment(tmp_path, threads=1)
    assert (kept["MALLOC_MMAP_MAX_"], kept["MALLOC_TRIM_THRESHOLD_"]) == ("0", str(1 << 30))
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "4096")
    assert installation.environment(tmp_path, threads=1)["MALLOC_TRIM_THRESHOLD_"] == "4096"
