"""What shares a batch, and how far it is padded."""

import numpy as np
import pytest
from fanscribe_whisper.batches import Excerpt, Padding, Window, batches, whole
from fanscribe_whisper.options import Options

BY_5_S = Padding(least_ms=1000, bucket_ms=5000)


def excerpt(audio_ms: int, prompt_tokens: int = 0) -> Excerpt:
    return whole(Window(np.zeros(audio_ms * 16, np.int16), Options(), [1] * prompt_tokens))


@pytest.mark.parametrize(
    ("audio_ms", "frames"),
    [(1, 500), (4000, 500), (4001, 1000), (9000, 1000), (28_500, 3000), (30_000, 3000)],
)
def test_audio_is_padded_by_a_second_up_to_a_bucket(audio_ms: int, frames: int) -> None:
    assert BY_5_S.frames(audio_ms) == frames


def test_excerpts_of_one_bucket_and_prompt_length_share_a_batch() -> None:
    short, longer, long, prompted = excerpt(500), excerpt(3000), excerpt(7000), excerpt(500, 3)
    assert batches([short, long, longer, prompted], BY_5_S, most=4) == [
        (500, [short, longer]),
        (1000, [long]),
        (500, [prompted]),
    ]


def test_no_batch_is_larger_than_it_may_be() -> None:
    excerpts = [excerpt(500) for _ in range(7)]
    found = batches(excerpts, BY_5_S, most=3)
    assert [len(group) for _, group in found] == [3, 3, 1]
    assert [one for _, group in found for one in group] == excerpts


def test_the_size_of_an_excerpt_does_not_depend_on_the_others() -> None:
    alone = batches([excerpt(7000)], BY_5_S, most=4)[0][0]
    with_others = batches([excerpt(29_000), excerpt(100), excerpt(7000)], BY_5_S, most=4)
    assert alone in [frames for frames, _ in with_others]


def test_an_excerpt_is_a_stretch_of_its_window() -> None:
    window = Window(np.arange(16_005, dtype=np.int16), Options(speech=((0, 300), (400, 900))), [])
    assert (window.audio_ms, len(whole(window).samples)) == (1000, 16_005)
    middle = Excerpt(window, 250, 500, [], None)
    assert middle.samples.tolist() == list(range(4000, 8000))
    assert (middle.audio_ms, middle.speech_ms) == (250, 150)
