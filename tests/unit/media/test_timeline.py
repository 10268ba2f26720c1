"""Spans and conversions on the timeline."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fanscribe.media.timeline import SAMPLE_RATE, Span, ms_of, samples_of_s


@given(st.integers(0, 10**10), st.integers(0, 10**10))
def test_a_span_knows_its_length(start: int, samples: int) -> None:
    assert Span(start, start + samples).samples == samples


@pytest.mark.parametrize(("start", "end"), [(-1, 0), (2, 1)])
def test_impossible_spans_are_refused(start: int, end: int) -> None:
    with pytest.raises(ValueError, match="not a span"):
        Span(start, end)


@given(st.integers(0, 36_000_000))
def test_milliseconds_become_samples_and_return(ms: int) -> None:
    assert ms_of(samples_of_s(ms / 1000)) == ms


def test_samples_are_sixteenths_of_a_millisecond() -> None:
    assert samples_of_s(1.0) == SAMPLE_RATE
    assert ms_of(15) == 0
    assert ms_of(16) == 1
