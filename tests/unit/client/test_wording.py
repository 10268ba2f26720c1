"""Numbers and balances as people read them."""

import pytest

from fanscribe.client.events import Completed
from fanscribe.client.translation import event_of
from fanscribe.client.wording import clock, closing_lines, duration, one_line, size
from tests.support import fake_orchestrator as fake


@pytest.mark.parametrize(
    ("time_ms", "told"),
    [(0, "0:00"), (59_999, "0:59"), (754_000, "12:34"), (36_000_000, "10:00:00")],
)
def test_clock(time_ms: int, told: str) -> None:
    assert clock(time_ms) == told


@pytest.mark.parametrize(("time_ms", "told"), [(4_230, "4.2 s"), (60_000, "1:00")])
def test_duration(time_ms: int, told: str) -> None:
    assert duration(time_ms) == told


@pytest.mark.parametrize(
    ("size_bytes", "told"),
    [(0, "0 B"), (999, "999 B"), (1_500, "1.5 kB"), (3_840_044, "3.8 MB"), (2 * 10**12, "2.0 TB")],
)
def test_size(size_bytes: int, told: str) -> None:
    assert size(size_bytes) == told


def test_what_a_server_sends_stays_on_its_line() -> None:
    assert one_line("one\ntwo\x1b[31m\tthree ") == "one two [31m three"


def test_the_balance_names_everything() -> None:
    completed = event_of(fake.event(fake.COMPLETED))
    assert isinstance(completed, Completed)
    balance, warning = closing_lines(completed)
    for told in ("2:00", "8.0 s", "15.0x", "language en", "99.0% of speech", "3.9 MB"):
        assert told in balance
    assert warning == "warning: the container's length is a guess"
