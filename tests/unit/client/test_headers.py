"""Request headers of the command: from arguments, files and the environment."""

from pathlib import Path

import pytest

from fanscribe.client.headers import HEADERS_VARIABLE, read_headers


def test_headers_are_read_from_arguments_and_files(tmp_path: Path) -> None:
    file = tmp_path / "headers.txt"
    file.write_text("Authorization: Bearer a:b\n\nCookie:c=d\n")
    assert read_headers([f"@{file}", "X-Key:  e "]) == {
        "Authorization": "Bearer a:b",
        "Cookie": "c=d",
        "X-Key": "e",
    }


def test_without_arguments_the_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_headers([]) == {}
    monkeypatch.setenv(HEADERS_VARIABLE, "Authorization: a\nX-Key: b")
    assert read_headers([]) == {"Authorization": "a", "X-Key": "b"}
    assert read_headers(["X-Key: c"]) == {"X-Key": "c"}


@pytest.mark.parametrize(
    "given", [["s3cr3t"], [": s3cr3t"], ["A: s3cr3t", "a: s3cr3t"], ["@/does/not/exist"]]
)
def test_mistakes_are_told_without_what_may_be_a_secret(given: list[str]) -> None:
    with pytest.raises(ValueError, match=r"header|cannot be read") as refused:
        read_headers(given)
    assert "s3cr3t" not in str(refused.value)
