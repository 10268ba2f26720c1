"""The generated modules are those of the .proto files, and every field says what it is."""

import itertools
import re
import subprocess
import sys
from pathlib import Path

import pytest

PROTOS = Path(__file__).resolve().parents[2] / "protos"


def test_generated_modules_are_fresh(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, PROTOS / "generate.py", tmp_path], check=True, capture_output=True
    )
    generated = {path.relative_to(tmp_path): path.read_text() for path in tmp_path.rglob("*.py*")}
    committed = {
        path: (PROTOS / path).read_text() for path in generated if (PROTOS / path).exists()
    }
    assert generated == committed, "run `make protos` and commit what it changes"


@pytest.mark.parametrize("path", sorted(PROTOS.rglob("*.proto")), ids=lambda path: path.name)
def test_every_field_is_documented(path: Path) -> None:
    lines = path.read_text().splitlines()
    fields = re.compile(r"^ +(repeated |optional )?[\w.<>, ]+ (\w+) = \d+;")
    bare = [
        match.group(2)
        for before, line in itertools.pairwise(lines)
        if (match := fields.match(line)) and not before.strip().startswith("//")
    ]
    assert bare == []
