"""Who may import whom, and that `fanscribe` stays a namespace of several roots."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE_ROOTS = {
    "v1": ROOT / "protos",
    "media": ROOT / "libs/media",
    "runtime": ROOT / "libs/runtime",
    "orchestrator": ROOT / "services/orchestrator",
    "splitter": ROOT / "services/splitter",
    "inference": ROOT / "services/inference",
    "client": ROOT / "client",
}
# Parts of fanscribe that each part may import, beside itself.
MAY_IMPORT = {
    "v1": set(),
    "runtime": set(),
    "media": {"runtime"},
    "orchestrator": {"v1", "media", "runtime"},
    "splitter": {"v1", "media", "runtime"},
    "inference": {"runtime"},
    "client": {"v1", "runtime"},
}
# The one package of each third-party system, or its modules.
HOMES = {
    "kubernetes": ("services/orchestrator/fanscribe/orchestrator/discovery",),
    "tritonclient": (
        "services/splitter/fanscribe/splitter/connection",
        "services/splitter/fanscribe/splitter/transcription",
    ),
    "ffmpeg": ("libs/media/fanscribe/media/ffmpeg",),
    "onnx": ("libs/media/fanscribe/media/speech_model",),
    "onnxruntime": ("libs/media/fanscribe/media/speech_model",),
    "ctranslate2": ("services/inference/model_repository",),
}


def modules(root: Path) -> Iterator[Path]:
    return (path for path in root.rglob("*.py") if "_pb2" not in path.name)


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from (f"{node.module}.{name.name}" for name in node.names)


def test_fanscribe_is_a_namespace_package() -> None:
    assert [
        root for root in SOURCE_ROOTS.values() if (root / "fanscribe/__init__.py").exists()
    ] == []


def test_every_root_holds_just_its_part() -> None:
    held = {
        part: {path.name for path in (root / "fanscribe").iterdir() if path.name != "__pycache__"}
        for part, root in SOURCE_ROOTS.items()
    }
    assert held == {part: {part} for part in SOURCE_ROOTS}


@pytest.mark.parametrize("part", SOURCE_ROOTS)
def test_parts_import_only_what_they_may(part: str) -> None:
    allowed = MAY_IMPORT[part] | {part}
    strays = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in modules(SOURCE_ROOTS[part])
        for name in imports(path)
        if name.startswith("fanscribe.") and name.split(".")[1] not in allowed
    ]
    assert strays == []


@pytest.mark.parametrize("system", HOMES)
def test_each_third_party_system_has_one_home(system: str) -> None:
    strays = [
        str(path.relative_to(ROOT))
        for root in SOURCE_ROOTS.values()
        for path in modules(root)
        if any(name.split(".")[0] == system for name in imports(path))
        and not str(path.relative_to(ROOT)).startswith(HOMES[system])
    ]
    assert strays == []


def test_media_does_not_know_grpc() -> None:
    assert not [
        path
        for path in modules(SOURCE_ROOTS["media"])
        if any(name.split(".")[0] == "grpc" for name in imports(path))
    ]


def test_the_triton_model_stands_alone() -> None:
    model = SOURCE_ROOTS["inference"] / "model_repository"
    assert not [
        path
        for path in modules(model)
        if any(name.split(".")[0] == "fanscribe" for name in imports(path))
    ]
