"""Windows with the real model: who is waited for gets a text, whoever else does not."""

from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread
from typing import Any

import numpy as np
import pytest
from fanscribe_whisper.decoder import Decoder
from fanscribe_whisper.excerpts import Padding, Window
from fanscribe_whisper.transcriber import AbandonedError, Transcriber
from fanscribe_whisper.tuning import Tuning

from fanscribe.inference.weights import resolve_weights
from tests.support.audio import decode, english_clips

DEADLINE_S = 60.0
TUNING = Tuning(Padding(1000, 30_000), workers=2, group_size=4, encoder_size=1)


@pytest.fixture(scope="module")
def decoder(tmp_path_factory: pytest.TempPathFactory) -> Decoder:
    weights: Path = resolve_weights("tiny.en", tmp_path_factory.mktemp("cache"))
    return Decoder(weights, device="cpu", device_index=0, compute_type="int8", batches=2, threads=1)


@pytest.fixture
def transcriber(decoder: Decoder) -> Iterator[Transcriber]:
    transcriber = Transcriber(decoder, TUNING)
    yield transcriber
    transcriber.close()


@pytest.fixture
def windows(transcriber: Transcriber) -> list[Window]:
    clips = [decode(clip.path)[: 10 * 16_000] for clip in english_clips()[:2]]
    # Speech in noise: the model is not sure of it, and it is decoded again.
    noise = np.random.default_rng(1).integers(-3000, 3000, len(clips[0]))
    noisy = (clips[0] // 2 + noise).astype(np.int16)
    return [transcriber.window(samples, "{}") for samples in (*clips, noisy)]


def found(transcriber: Transcriber, windows: list[Window]) -> list[dict[str, Any]]:
    return [one.result(DEADLINE_S) for one in transcriber.submit(windows)]


def test_who_is_waited_for_gets_a_text_whoever_leaves(
    transcriber: Transcriber, windows: list[Window]
) -> None:
    leaves = windows[-1]
    calm = found(transcriber, windows)
    results = transcriber.submit(windows, abandoned=lambda window: window is leaves)
    assert [one.result(DEADLINE_S) for one in results[:2]] == calm[:2]
    assert isinstance(results[2].exception(DEADLINE_S), AbandonedError)


def test_what_nobody_waits_for_is_given_up_midway(
    transcriber: Transcriber, windows: list[Window]
) -> None:
    asked: list[Window] = []

    def abandoned(window: Window) -> bool:
        asked.append(window)
        return len(asked) > 1  # they leave after the encoder

    (result,) = transcriber.submit(windows[:1], abandoned)
    assert isinstance(result.exception(DEADLINE_S), AbandonedError)
    assert len(asked) == 2


def test_what_goes_wrong_with_one_batch_is_told_and_the_next_is_served(
    transcriber: Transcriber, windows: list[Window]
) -> None:
    def fails(_: Window) -> bool:
        raise ConnectionResetError("the caller's state is unknown")

    (result,) = transcriber.submit(windows[:1], fails)
    assert isinstance(result.exception(DEADLINE_S), ConnectionResetError)
    assert found(transcriber, windows[:1])[0]["segments"]


def test_more_windows_than_there_is_room_for_wait(decoder: Decoder, windows: list[Window]) -> None:
    small = Transcriber(
        decoder, Tuning(Padding(1000, 30_000), workers=1, group_size=1, encoder_size=1)
    )
    release, submitted = Event(), Event()

    def held(_: Window) -> bool:
        assert release.wait(DEADLINE_S)
        return False

    def more() -> None:
        small.submit(windows[:1])
        submitted.set()

    small.submit(windows[:2], held)
    third = Thread(target=more)
    third.start()
    assert not submitted.is_set()
    release.set()
    assert submitted.wait(DEADLINE_S)
    third.join(DEADLINE_S)
    small.close()
