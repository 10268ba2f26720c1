"""Where frames of audio lie whose times a container has rounded."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fanscribe.media.framegrid import DecodedFrame, FrameGrid, frame_grid

_MS = 0.001


def told(lengths: list[int], rate_hz: int, begin_s: float = 0.0) -> list[DecodedFrame]:
    """Frames as a container tells of them that counts in milliseconds."""
    starts = [sum(lengths[:number]) for number in range(len(lengths))]
    return [
        DecodedFrame(round((begin_s + start / rate_hz) * 1000) / 1000, length)
        for start, length in zip(starts, lengths, strict=True)
    ]


@given(
    rate_hz=st.sampled_from([8_000, 16_000, 44_100, 48_000]),
    frame_samples=st.integers(300, 4_608),
    count=st.integers(2, 20),
    begin_s=st.floats(-1, 1_000),
)
def test_frames_of_one_length_lie_on_a_grid(
    rate_hz: int, frame_samples: int, count: int, begin_s: float
) -> None:
    frames = told([frame_samples] * count, rate_hz, begin_s)
    assert frames[0].time_s is not None
    found = frame_grid(frames, rate_hz, _MS, frames[0].time_s, is_late=False)
    assert found == FrameGrid(rate_hz, frame_samples, 0)
    assert 0 < 2 * found.tolerance_samples < frame_samples


def test_a_first_frame_cut_by_the_decoder_is_none_of_the_grid() -> None:
    frames = told([648, 960, 960, 960], 48_000)
    assert frame_grid(frames, 48_000, _MS, 0.0, is_late=False) == FrameGrid(48_000, 960, 648)


def test_a_frame_may_have_no_time() -> None:
    frames = [*told([2048, 2048], 44_100), DecodedFrame(None, 2048)]
    assert frame_grid(frames, 44_100, _MS, 0.0, is_late=False) == FrameGrid(44_100, 2048, 0)


def test_late_audio_begins_where_it_is_told_to() -> None:
    frames = told([1024] * 5, 48_000, begin_s=4.179)
    found = frame_grid(frames, 48_000, _MS, 0.0, is_late=True)
    assert found == FrameGrid(48_000, 1024, 4_179 * 48)


@pytest.mark.parametrize(
    ("frames", "tick_s"),
    [
        (told([1024] * 5, 48_000), 1 / 48_000),  # nothing is rounded
        (told([1024] * 5, 48_000), 1 / 90_000),
        (told([128, 1024, 576, 1024, 128], 48_000), _MS),  # blocks of many lengths
        (told([120] * 20, 48_000), _MS),  # too short to be told apart
        (told([1024] * 3, 48_000) + told([1024] * 3, 48_000, 0.2), _MS),  # a gap
        ([DecodedFrame(None, 1024)] * 3, _MS),
        ([], _MS),
    ],
)
def test_no_grid(frames: list[DecodedFrame], tick_s: float) -> None:
    assert frame_grid(frames, 48_000, tick_s, 0.0, is_late=False) is None
