"""Speech detection over a stream."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from fanscribe.media.pauses import SPEECH_BEGINS
from fanscribe.media.speech import FRAME_SAMPLES, SpeechDetector
from tests.support.audio import decode, english_clips

SPEECH_SAMPLES = decode(english_clips()[0].path)[: 100 * FRAME_SAMPLES + 77]


def probabilities(samples: NDArray[np.int16], lengths: list[int]) -> NDArray[np.float32]:
    """Feed `samples` in pieces of the given lengths, then the rest, then flush."""
    detector = SpeechDetector()
    pieces = np.split(samples, np.cumsum(lengths))
    return np.concatenate([*(detector.feed(piece) for piece in pieces), detector.flush()])


@given(st.lists(st.integers(0, 5000), max_size=12))
@settings(max_examples=30, deadline=None)
def test_results_do_not_depend_on_how_samples_are_split(lengths: list[int]) -> None:
    whole = probabilities(SPEECH_SAMPLES, [])
    assert len(whole) == 101
    np.testing.assert_allclose(probabilities(SPEECH_SAMPLES, lengths), whole, atol=1e-5)


def test_results_are_those_of_faster_whisper() -> None:
    vad = pytest.importorskip("faster_whisper.vad")
    samples = SPEECH_SAMPLES[: 100 * FRAME_SAMPLES]
    theirs = np.ravel(vad.get_vad_model()(samples.astype(np.float32) / 32768))
    # Its code blanks the last 64 samples of the last frame while it builds the contexts.
    np.testing.assert_allclose(probabilities(samples, [])[:-1], theirs[:-1], atol=1e-5)


def test_speech_is_told_from_silence() -> None:
    assert probabilities(SPEECH_SAMPLES, []).max() > 0.9
    assert probabilities(np.zeros(16_000, np.int16), []).max() < 0.1


@pytest.mark.parametrize("loudness_db", [-20, -40, -46])
def test_a_quiet_voice_is_heard_after_a_loud_one(loudness_db: int) -> None:
    loud = decode(english_clips()[0].path)
    quiet = (loud * 10 ** (loudness_db / 20)).astype(np.int16)
    pause = np.zeros(47 * FRAME_SAMPLES, np.int16)
    between = -len(loud) % FRAME_SAMPLES + len(pause)
    both = np.concatenate([loud, np.zeros(between, np.int16), quiet])
    alone = (probabilities(quiet, []) > SPEECH_BEGINS).sum()
    after = probabilities(both, [])[(len(loud) + between) // FRAME_SAMPLES :]
    assert (after > SPEECH_BEGINS).sum() > 0.95 * alone


def test_nothing_gives_nothing() -> None:
    detector = SpeechDetector()
    assert len(detector.flush()) == 0
    assert len(detector.feed(np.zeros(0, np.int16))) == 0


def test_loading_the_model_reports_to_nobody(tmp_path: Path) -> None:
    detect = (
        "import numpy; from fanscribe.media.speech import SpeechDetector;"
        "SpeechDetector().feed(numpy.zeros(512, numpy.int16))"
    )
    # Where onnxruntime reports, it leaves an identifier of the device in one of these.
    folders = {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
    environment = {k: v for k, v in os.environ.items() if k != "ORT_DISABLE_TELEMETRY"}
    subprocess.run([sys.executable, "-c", detect], env={**environment, **folders}, check=True)
    assert list(tmp_path.iterdir()) == []
