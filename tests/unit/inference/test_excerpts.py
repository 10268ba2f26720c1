"""What shares a batch, and how far it is padded."""

from collections.abc import Hashable

import numpy as np
import pytest
from fanscribe_whisper.excerpts import Excerpt, Padding, Window, whole
from fanscribe_whisper.options import Options
from fanscribe_whisper.wants import Decoding

BY_5_S = Padding(least_ms=1000, bucket_ms=5000)


def excerpt(audio_ms: int, prompt_tokens: int = 0) -> Excerpt:
    return whole(Window(np.zeros(audio_ms * 16, np.int16), Options(), [1] * prompt_tokens))


@pytest.mark.parametrize(
    ("audio_ms", "frames"),
    [(1, 500), (4000, 500), (4001, 1000), (9000, 1000), (28_500, 3000), (30_000, 3000)],
)
def test_audio_is_padded_by_a_second_up_to_a_bucket(audio_ms: int, frames: int) -> None:
    assert BY_5_S.frames(audio_ms) == frames


def test_excerpts_of_one_bucket_and_prompt_length_may_share_a_batch() -> None:
    def kind(one: Excerpt) -> Hashable:
        return Decoding(one, BY_5_S.frames(one.audio_ms)).kind

    assert kind(excerpt(500)) == kind(excerpt(3000))
    assert kind(excerpt(500)) != kind(excerpt(7000))
    assert kind(excerpt(500)) != kind(excerpt(500, 3))


def test_an_excerpt_is_a_stretch_of_its_window() -> None:
    window = Window(np.arange(16_005, dtype=np.int16), Options(speech=((0, 300), (400, 900))), [])
    assert (window.audio_ms, len(whole(window).samples)) == (1000, 16_005)
    middle = Excerpt(window, 250, 500, [], None)
    assert middle.samples.tolist() == list(range(4000, 8000))
    assert (middle.audio_ms, middle.speech_ms) == (250, 150)


def test_with_a_longer_hop_a_window_is_over_sooner() -> None:
    speech = ((0, 1000), (1250, 2000))
    window = Window(np.arange(32_000, dtype=np.int16), Options(speech=speech), [], hop_samples=200)
    assert (window.audio_ms, window.speech_ms(0, 1600)) == (1600, 1400)
    assert window.speech_within(900, 1200) == [(1000, 1200)]
    middle = Excerpt(window, 800, 1200, [], None)
    assert middle.samples.tolist() == list(range(16_000, 24_000))
    assert [window.in_audio_ms(time_ms) for time_ms in (0, 800, 1600)] == [0, 1000, 2000]
