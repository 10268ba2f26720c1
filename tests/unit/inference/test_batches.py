"""Which windows share a batch, and how far they are padded."""

import numpy as np
import pytest
from fanscribe_whisper.batches import Window, batches, padded_frames
from fanscribe_whisper.options import Options


def window(audio_ms: int, prompt_tokens: int = 0) -> Window:
    return Window(np.zeros(audio_ms * 16, np.int16), Options(), [1] * prompt_tokens)


@pytest.mark.parametrize(
    ("audio_ms", "frames"),
    [(1, 500), (4000, 500), (4001, 1000), (9000, 1000), (28_500, 3000), (30_000, 3000)],
)
def test_windows_are_padded_by_a_second_up_to_a_bucket(audio_ms: int, frames: int) -> None:
    assert padded_frames(audio_ms, 5000) == frames


def test_windows_of_one_bucket_and_prompt_length_share_a_batch() -> None:
    short, longer, long, prompted = window(500), window(3000), window(7000), window(500, 3)
    assert batches([short, long, longer, prompted], 5000) == [
        (500, [short, longer]),
        (1000, [long]),
        (500, [prompted]),
    ]


def test_the_size_of_a_window_does_not_depend_on_the_others() -> None:
    alone = batches([window(7000)], 5000)[0][0]
    with_others = batches([window(29_000), window(100), window(7000)], 5000)
    assert alone in [frames for frames, _ in with_others]
