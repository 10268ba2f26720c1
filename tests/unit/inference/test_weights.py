"""Weights by name: found, joined, and never used unchecked."""

import hashlib
import sys
from pathlib import Path

import pytest

from fanscribe.inference import weights
from fanscribe.inference.digests import sha256_of, verify
from fanscribe.inference.errors import SetupError
from fanscribe.inference.weights import PackagedWeights, resolve_weights

OTHER = "0" * 64


def model_folder(folder: Path, content: bytes = b"weights") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("config.json", "tokenizer.json"):
        (folder / name).write_text("{}")
    (folder / "model.bin").write_bytes(content)
    return folder


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on Python's path for packages made of data, whose code must not run."""
    folder = tmp_path / "site-packages"
    for number, half in enumerate((b"first half, ", b"second half"), start=1):
        package = folder / f"weights_for_tests_part{number}"
        (package / "data").mkdir(parents=True)
        (package / "__init__.py").write_text("raise AssertionError('this code must not run')")
        (package / "data" / f"model.bin.part{number}").write_bytes(half)
    for name in ("config.json", "tokenizer.json"):
        (folder / "weights_for_tests_part1" / "data" / name).write_text("{}")
    monkeypatch.setattr(sys, "path", [*sys.path, str(folder)])
    return folder


def halves(digest: str, *packages: str) -> PackagedWeights:
    parts = tuple((name, f"data/model.bin.part{n}") for n, name in enumerate(packages, start=1))
    return PackagedWeights("weights_for_tests_part1", "data", digest, parts)


@pytest.mark.parametrize("model", ["tiny.en", "base"])
def test_weights_of_the_package_index_are_what_was_published(model: str, tmp_path: Path) -> None:
    folder = resolve_weights(model, tmp_path)
    digest = hashlib.sha256((folder / "model.bin").read_bytes()).hexdigest()
    assert digest == weights.PACKAGED[model].sha256
    assert (folder / "tokenizer.json").is_file()


def test_parts_are_joined_without_running_their_packages(
    packages: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert packages.is_dir()
    names = ("weights_for_tests_part1", "weights_for_tests_part2")
    whole = b"first half, second half"
    monkeypatch.setitem(weights.PACKAGED, "halves", halves(sha256(whole), *names))
    folder = resolve_weights("halves", tmp_path / "cache")
    assert (folder / "model.bin").read_bytes() == whole
    assert sorted(file.name for file in folder.iterdir()) == [
        "config.json",
        "model.bin",
        "tokenizer.json",
    ]
    assert resolve_weights("halves", tmp_path / "cache") == folder


def test_parts_that_do_not_make_the_published_file_are_refused(
    packages: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert packages.is_dir()
    names = ("weights_for_tests_part1", "weights_for_tests_part2")
    monkeypatch.setitem(weights.PACKAGED, "halves", halves(OTHER, *names))
    with pytest.raises(SetupError, match="damaged"):
        resolve_weights("halves", tmp_path / "cache")


def test_a_missing_package_is_told_with_the_extra_that_brings_it(
    packages: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert packages.is_dir()
    names = ("weights_for_tests_part1", "weights_for_tests_part3")
    monkeypatch.setitem(weights.PACKAGED, "halves", halves(OTHER, *names))
    with pytest.raises(SetupError, match=r"weights-for-tests-part3.*fanscribe\[weights\]"):
        resolve_weights("halves", tmp_path / "cache")


def test_a_folder_is_taken_as_it_is(tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "mine")
    assert resolve_weights(str(folder), tmp_path / "cache", sha256(b"weights")) == folder


def test_a_folder_with_another_digest_than_expected_is_refused(tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "mine")
    with pytest.raises(SetupError, match=f"SHA-256 is {sha256(b'weights')}, expected {OTHER}"):
        resolve_weights(str(folder), tmp_path / "cache", OTHER)


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "mine")
    (folder / "tokenizer.json").unlink()
    with pytest.raises(SetupError, match=r"tokenizer\.json missing"):
        resolve_weights(str(folder), tmp_path / "cache")


@pytest.mark.parametrize("revision", ["", "@main", "@0123abc", "@" + "A" * 40])
def test_a_hub_name_without_a_commit_is_refused(revision: str, tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="40 hexadecimal digits"):
        resolve_weights(f"Systran/faster-whisper-tiny{revision}", tmp_path)


@pytest.mark.parametrize("model", ["large", "/no/such/folder", "", "a/b/c"])
def test_an_unknown_name_is_refused_with_what_is_known(model: str, tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"tiny\.en, base"):
        resolve_weights(model, tmp_path)


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "model.bin"
    file.write_bytes(b"weights")
    verify(file, sha256(b"weights"), tmp_path / "cache")
    file.write_bytes(b"another")
    with pytest.raises(SetupError, match="damaged"):
        verify(file, sha256(b"weights"), tmp_path / "cache")


def test_a_digest_is_remembered_and_a_broken_memory_is_forgotten(tmp_path: Path) -> None:
    file = tmp_path / "model.bin"
    file.write_bytes(b"weights")
    digest = sha256_of(file, tmp_path / "cache")
    (record,) = (tmp_path / "cache" / "digests").iterdir()
    assert digest in record.read_text()
    record.write_text("{ broken")
    assert sha256_of(file, tmp_path / "cache") == digest
