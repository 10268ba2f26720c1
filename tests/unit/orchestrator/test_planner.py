"""Planning: how many macro chunks there are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fanscribe.orchestrator.planner import macro_chunks


@given(duration=st.integers(0, 100 * 3600 * 16_000), macro_s=st.integers(30, 3600))
def test_the_grid_leaves_no_scrap_at_the_end(duration: int, macro_s: int) -> None:
    macro = macro_s * 16_000
    last = duration - (macro_chunks(duration, macro) - 1) * macro
    assert last >= macro // 4 or last == duration
    assert last < 1.25 * macro + 1


@pytest.mark.parametrize(
    ("duration_s", "chunks"), [(0, 1), (299, 1), (374, 1), (375, 2), (600, 2), (36_000, 120)]
)
def test_number_of_macro_chunks(duration_s: int, chunks: int) -> None:
    assert macro_chunks(duration_s * 16_000, 300 * 16_000) == chunks
