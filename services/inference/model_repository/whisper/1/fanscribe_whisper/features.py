"""Log-mel spectrograms, as Whisper was trained on them."""

from functools import cache
from typing import Final

import numpy as np
import numpy.typing as npt

SAMPLE_RATE: Final = 16_000
WINDOW_SAMPLES: Final = 400
# From frame to frame. With a longer hop, the same speech has fewer frames: it sounds faster, but no
# higher.
HOP_SAMPLES: Final = 160
FRAMES_PER_S: Final = SAMPLE_RATE // HOP_SAMPLES
# Decades below the loudest point that are kept.
DYNAMIC_RANGE: Final = 8.0
POWER_FLOOR: Final = 1e-10

Floats = npt.NDArray[np.float32]


def log_mel(
    samples: npt.NDArray[np.int16], mels: int, frames: int, hop_samples: int = HOP_SAMPLES
) -> Floats:
    """Log-mel spectrogram of `samples` (16 kHz) followed by silence.

    Returns an array [mels, frames], one frame every `hop_samples`. It is the spectrogram of the
    samples padded with zeros; frames that see nothing but zeros are filled in without computing
    them.
    """
    audio = samples.astype(np.float32) / 32768.0
    half = WINDOW_SAMPLES // 2
    # Frame i is centred on sample i * hop: this many frames see a sample that is not padding.
    sounding = min(frames, -(-(len(audio) + half) // hop_samples))
    end = (sounding - 1) * hop_samples + half
    audio = np.pad(audio, (0, max(0, end - len(audio))))[:end]
    audio = np.concatenate((audio[half:0:-1], audio))  # reflected at the start
    windows = np.lib.stride_tricks.sliding_window_view(audio, WINDOW_SAMPLES)[::hop_samples]
    spectrum = np.fft.rfft(windows * _hann(), axis=-1).astype(np.complex64)
    power = spectrum.real**2 + spectrum.imag**2
    log = np.full((mels, frames), np.log10(np.float32(POWER_FLOOR)))
    log[:, :sounding] = np.log10(np.maximum(_mel_filters(mels) @ power.T, POWER_FLOOR))
    scaled: Floats = (np.maximum(log, log.max() - DYNAMIC_RANGE) + 4.0) / 4.0
    return scaled


@cache
def _hann() -> Floats:
    window: Floats = np.hanning(WINDOW_SAMPLES + 1)[:-1].astype(np.float32)
    return window


@cache
def _mel_filters(mels: int) -> Floats:
    """Triangular filters of equal area on Slaney's mel scale, [mels, bins], 0 to 8 kHz."""
    bins_hz = np.fft.rfftfreq(WINDOW_SAMPLES, 1 / SAMPLE_RATE)
    top_mel = _mel_of_hz(SAMPLE_RATE / 2)
    edges_hz = _hz_of_mel(np.linspace(0.0, top_mel, mels + 2))
    rising = (bins_hz - edges_hz[:-2, None]) / np.diff(edges_hz)[:-1, None]
    falling = (edges_hz[2:, None] - bins_hz) / np.diff(edges_hz)[1:, None]
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    areas = (edges_hz[2:] - edges_hz[:-2])[:, None] / 2
    filters: Floats = (triangles / areas).astype(np.float32)
    return filters


# Slaney's mel scale: linear up to 1 kHz, then 27 mels for each factor of 6.4.
_HZ_PER_MEL: Final = 200.0 / 3
_BEND_MEL: Final = 15.0
_LOG_STEP: Final = np.log(6.4) / 27.0


def _mel_of_hz(hz: float) -> float:
    return float(_BEND_MEL + np.log(hz / (_BEND_MEL * _HZ_PER_MEL)) / _LOG_STEP)


def _hz_of_mel(mel: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    linear = _HZ_PER_MEL * mel
    bent = _BEND_MEL * _HZ_PER_MEL * np.exp(_LOG_STEP * (mel - _BEND_MEL))
    return np.where(mel < _BEND_MEL, linear, bent)
