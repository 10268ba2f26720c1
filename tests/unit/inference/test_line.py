"""The line in which work waits for the like of it."""

import time
from threading import Thread

from fanscribe_whisper.line import Line

DEADLINE_S = 10.0


def filled(line: Line[str], things: str) -> Line[str]:
    """Let words wait, each of the kind that its first letter is."""
    line.put(*((thing[0], thing) for thing in things.split()))
    return line


def test_the_first_leaves_with_others_of_its_kind() -> None:
    line = filled(Line(3, shared=False), "a1 b1 a2 b2 a3 a4")
    assert [line.take() for _ in range(3)] == [["a1", "a2", "a3"], ["b1", "b2"], ["a4"]]


def test_whoever_came_first_is_never_passed_for_long_by_a_fuller_kind() -> None:
    line = filled(Line(2, shared=False), "a1 b1 a2 a3 a4")
    line.take()
    filled(line, "a5 a6")
    assert line.take() == ["b1"]


def test_those_who_wait_at_the_same_time_share() -> None:
    line: Line[str] = Line(8, shared=True)
    taken: list[list[str]] = []
    takers = [Thread(target=lambda: taken.append(line.take())) for _ in range(2)]
    for taker in takers:
        taker.start()
    deadline_s = time.monotonic() + DEADLINE_S
    while line.takers < len(takers) and time.monotonic() < deadline_s:
        pass
    filled(line, "a1 a2 a3 a4")
    for taker in takers:
        taker.join(DEADLINE_S)
    assert sorted(taken) == [["a1", "a2"], ["a3", "a4"]]


def test_a_closed_line_is_emptied_before_all_go_home() -> None:
    line = filled(Line(8, shared=True), "a1 b1")
    line.close()
    assert [line.take() for _ in range(3)] == [["a1"], ["b1"], []]
