"""The line in which work waits for the like of it."""

from collections.abc import Callable

from fanscribe_whisper.line import Line


def most(count: int) -> Callable[[str], int]:
    """Let as many leave together, whatever they are."""
    return lambda _: count


def filled(line: Line[str], things: str) -> Line[str]:
    """Let words wait: the first letter of each is its kind, the rest its number."""
    line.put(*((thing[0], int(thing[1:]), thing) for thing in things.split()))
    return line


def test_the_first_leaves_with_others_of_its_kind() -> None:
    line = filled(Line(most(3), parts=1), "a1 b2 a3 b4 a5 a6")
    assert [line.take() for _ in range(3)] == [["a1", "a3", "a5"], ["b2", "b4"], ["a6"]]


def test_an_earlier_number_goes_first_whenever_it_comes_and_whatever_is_fuller() -> None:
    line = filled(Line(most(2), parts=1), "a5 a6 a7 a8")
    filled(line, "b3 a4")
    assert [line.take() for _ in range(3)] == [["b3"], ["a4", "a5"], ["a6", "a7"]]


def test_things_of_one_number_keep_their_order() -> None:
    line: Line[str] = Line(most(3), parts=1)
    line.put(("a", 1, "z"), ("a", 1, "y"), ("a", 1, "x"))
    assert line.take() == ["z", "y", "x"]


def test_nobody_takes_more_than_a_part_of_what_waits() -> None:
    line = filled(Line(most(3), parts=2), "a1 a2 a3 a4 b5 a6 a7")
    assert [line.take() for _ in range(4)] == [["a1", "a2", "a3"], ["a4", "a6"], ["b5"], ["a7"]]


def test_a_closed_line_is_emptied_before_all_go_home() -> None:
    line = filled(Line(most(8), parts=2), "a1 b1")
    line.close()
    assert [line.take() for _ in range(3)] == [["a1"], ["b1"], []]


def test_how_many_leave_together_depends_on_the_first() -> None:
    line = filled(Line({"a1": 2, "b2": 3}.__getitem__, parts=1), "a1 b2 a3 b4 a5 b6 b7")
    assert [line.take() for _ in range(2)] == [["a1", "a3"], ["b2", "b4", "b6"]]
