"""A group of windows with the real model: who is waited for gets a text, whoever else does not."""

from pathlib import Path

import numpy as np
import pytest
from fanscribe_whisper.batches import Padding, Window
from fanscribe_whisper.decoder import Decoder
from fanscribe_whisper.transcriber import Transcriber
from fanscribe_whisper.tuning import Tuning

from fanscribe.inference.weights import resolve_weights
from tests.support.audio import decode, english_clips


@pytest.fixture(scope="module")
def transcriber(tmp_path_factory: pytest.TempPathFactory) -> Transcriber:
    weights: Path = resolve_weights("tiny.en", tmp_path_factory.mktemp("cache"))
    decoder = Decoder(weights, device="cpu", device_index=0, compute_type="int8", threads=1)
    return Transcriber(decoder, Tuning(Padding(1000, 30_000), group_size=4, encoder_size=1))


@pytest.fixture
def windows(transcriber: Transcriber) -> list[Window]:
    clips = [decode(clip.path)[: 10 * 16_000] for clip in english_clips()[:2]]
    # Speech in noise: the model is not sure of it, and it is decoded again.
    noise = np.random.default_rng(1).integers(-3000, 3000, len(clips[0]))
    noisy = (clips[0] // 2 + noise).astype(np.int16)
    return [transcriber.window(samples, "{}") for samples in (*clips, noisy)]


def test_who_is_waited_for_gets_a_text_whoever_leaves(
    transcriber: Transcriber, windows: list[Window]
) -> None:
    leaves = windows[-1]
    calm = dict(transcriber.transcribe(windows))
    found = dict(transcriber.transcribe(windows, abandoned=lambda window: window is leaves))
    assert [found[window] for window in windows[:2]] == [calm[window] for window in windows[:2]]
    assert all(found[window] is not None for window in windows[:2])


def test_a_group_that_nobody_waits_for_is_given_up_midway(
    transcriber: Transcriber, windows: list[Window]
) -> None:
    asked: list[Window] = []

    def abandoned(window: Window) -> bool:
        asked.append(window)
        return len(asked) > 1  # they leave after the encoder

    found = dict(transcriber.transcribe(windows, abandoned))
    assert found == dict.fromkeys(windows)
