"""Where transcripts go."""

import stat
from pathlib import Path

import pytest

from fanscribe.client.events import Completed, Plan, Segment
from fanscribe.client.formats import FORMATS
from fanscribe.client.output import FileOutput, Output
from fanscribe.client.translation import event_of
from tests.support import fake_orchestrator as fake


def feed(output: Output) -> None:
    for message in (fake.PLAN, fake.FIRST, fake.SECOND, fake.COMPLETED):
        match event_of(fake.event(message)):
            case Plan() as event:
                output.begin(event)
            case Segment() as event:
                output.add(event)
            case Completed() as event:
                output.end(event)


def test_parts_are_handed_on_as_they_come() -> None:
    parts: list[str] = []
    feed(Output(FORMATS["txt"], parts.append))
    assert parts == ["The first thing said.\n", "The second thing.\n"]


def test_json_comes_at_the_end() -> None:
    parts: list[str] = []
    feed(Output(FORMATS["json"], parts.append))
    assert len(parts) == 1


def test_a_file_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "talk.txt"
    path.write_text("a longer text that was here before, and is not any more")
    feed(FileOutput(FORMATS["txt"], path))
    assert path.read_text() == "The first thing said.\nThe second thing.\n"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    path, link = tmp_path / "talk.txt", tmp_path / "link.txt"
    path.write_text("old")
    link.symlink_to(path)
    feed(FileOutput(FORMATS["txt"], link))
    assert link.is_symlink()
    assert path.read_text().startswith("The first")


def test_a_new_file_is_as_readable_as_any_other(tmp_path: Path) -> None:
    path, other = tmp_path / "talk.txt", tmp_path / "other.txt"
    other.touch()
    feed(FileOutput(FORMATS["txt"], path))
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(other.stat().st_mode)


def test_a_folder_that_is_gone_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        feed(FileOutput(FORMATS["txt"], tmp_path / "gone" / "talk.txt"))
