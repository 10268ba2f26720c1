"""Log-mel spectrograms, against the reference implementation of faster-whisper on real speech."""

import wave
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from fanscribe_whisper.features import log_mel
from faster_whisper.feature_extractor import FeatureExtractor

LIBRIVOX = Path("/usr/share/pocketsphinx/test/data/librivox")


def speech() -> npt.NDArray[np.int16]:
    file = next(iter(sorted(LIBRIVOX.glob("*.wav"))))
    with wave.open(str(file)) as clip:
        return np.frombuffer(clip.readframes(clip.getnframes()), np.int16)


def reference(
    samples: npt.NDArray[np.int16], mels: int, frames: int, hop_samples: int = 160
) -> npt.NDArray[np.float32]:
    # More silence than is looked at: the reference reflects the audio at its end.
    silence = (0, frames * hop_samples + 400 - len(samples))
    audio = np.pad(samples.astype(np.float32) / 32768, silence)
    features = FeatureExtractor(feature_size=mels, hop_length=hop_samples)(audio, padding=0)
    return np.asarray(features[:, :frames], dtype=np.float32)


@pytest.mark.parametrize("mels", [80, 128])
@pytest.mark.parametrize("frames", [1000, 3000])
def test_speech_has_the_spectrogram_of_the_reference(mels: int, frames: int) -> None:
    samples = speech()
    found = log_mel(samples, mels, frames)
    assert found.shape == (mels, frames)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, reference(samples, mels, frames), atol=1e-4)


@pytest.mark.parametrize("length", [1, 159, 160, 161, 200, 201, 399, 16_000, 79_999, 80_000])
def test_any_length_has_the_spectrogram_of_the_reference(length: int) -> None:
    samples = speech()[8_000 : 8_000 + length]
    np.testing.assert_allclose(log_mel(samples, 80, 500), reference(samples, 80, 500), atol=1e-4)


def test_a_longer_hop_has_the_spectrogram_of_the_reference() -> None:
    found, same = log_mel(speech(), 80, 1000, 168), reference(speech(), 80, 1000, 168)
    np.testing.assert_allclose(found, same, atol=1e-4)


def test_silence_is_flat() -> None:
    assert np.ptp(log_mel(np.zeros(16_000, np.int16), 80, 200)) < 1e-6
