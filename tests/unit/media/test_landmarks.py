"""The search for a time among marks that nobody knows yet."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fanscribe.media.anchor import Anchor, Mark
from fanscribe.media.joined import look_for_joins
from fanscribe.media.landmarks import LandmarkIndex
from fanscribe.media.timeline import samples_of_us
from fanscribe.runtime.errors import FanscribeError, Reason
from tests.support.memory_reader import MemoryReader, recording_of

_HEADER_BYTES = 100


class Marked:
    """A layout in which a mark is "#" and its time, in microseconds, in ten digits."""

    has_index = False
    can_be_joined = True
    header_bytes = _HEADER_BYTES
    preroll_us = 0

    def marks(self, data: bytes, offset: int) -> list[Mark]:
        found = []
        at = data.find(b"#")
        while 0 <= at <= len(data) - 11:
            found.append(Mark(offset + at, int(data[at + 1 : at + 11])))
            at = data.find(b"#", at + 1)
        return found

    def end_us(self, data: bytes, offset: int) -> int | None:
        marks = self.marks(data, offset)
        return marks[-1].time_us if marks else None

    def anchor(self, start_byte: int) -> Anchor:
        return Anchor(start_byte, _HEADER_BYTES)


def marked(steps: list[tuple[int, int]]) -> bytes:
    """Write marks, each so many bytes and microseconds behind the one before."""
    content, time_us = bytearray(_HEADER_BYTES), 0
    for step_bytes, step_us in steps:
        content += bytes(step_bytes)
        time_us += step_us
        content += b"#%010d" % time_us
    return bytes(content)


_STEPS = st.lists(st.tuples(st.integers(0, 200_000), st.integers(0, 9_000_000)), max_size=40)


@given(_STEPS, st.lists(st.integers(0, 400_000_000), max_size=8))
@settings(deadline=None)
async def test_a_close_mark_is_found_before_any_time(
    steps: list[tuple[int, int]], targets_us: list[int]
) -> None:
    content = marked(steps)
    reader = MemoryReader(content)
    layout = Marked()
    marks = [Mark(_HEADER_BYTES, 0), *layout.marks(content, 0)]
    recording = recording_of(reader, "", samples_of_us(marks[-1].time_us))
    index = LandmarkIndex(layout, recording)
    for target_us in targets_us:
        anchor = await index.anchor(reader, recording, target_us)
        assert anchor is not None
        best = [mark for mark in marks if mark.time_us <= target_us][-1]
        assert anchor.start_byte <= best.offset
        # Close: not worth another look.
        assert best.offset - anchor.start_byte <= 32 * 1024


async def test_a_few_looks_are_enough_for_a_steady_recording() -> None:
    content = marked([(20_000, 5_000_000)] * 2_000)
    reader = MemoryReader(content)
    recording = recording_of(reader, "", samples_of_us(10_000_000_000))
    index = LandmarkIndex(Marked(), recording)
    for target_us in range(0, 9_900_000_000, 300_000_000):
        assert await index.anchor(reader, recording, target_us)
    assert reader.bytes_fetched / 33 < 100_000


@given(st.lists(st.integers(100, 10_000), min_size=2, max_size=4))
@settings(deadline=None)
async def test_several_recordings_in_one_file_are_refused(lengths: list[int]) -> None:
    parts = [marked([(1_000, 50_000)] * length)[_HEADER_BYTES:] for length in lengths]
    joined = MemoryReader(bytes(_HEADER_BYTES) + b"".join(parts))
    with pytest.raises(FanscribeError) as refused:
        await look_for_joins(joined, Marked())
    assert refused.value.reason is Reason.MEDIA_UNREADABLE


@given(_STEPS)
@settings(deadline=None)
async def test_one_recording_is_not_taken_for_several(steps: list[tuple[int, int]]) -> None:
    reader = MemoryReader(marked(steps))
    await look_for_joins(reader, Marked())
