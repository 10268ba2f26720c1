"""Speech detection: Silero VAD over a stream of audio."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from fanscribe.media.speech_model import speech_model

FRAME_SAMPLES: Final = 512  # 32 ms
_CONTEXT_SAMPLES: Final = 64  # of the frame before, which the model sees too
_FRESH: Final[NDArray[np.float32]] = np.zeros((1, 1, 128), np.float32)

# The model gets used to a voice, and a quieter one after it goes unheard for seconds. So what was
# heard is forgotten where a stride ends in a pause, once there was speech to get used to.
_STRIDE_FRAMES: Final = 31  # 1 s
_PAUSE_FRAMES: Final = 10
_PAUSE_PROBABILITY: Final = 0.05
_SPEECH_PROBABILITY: Final = 0.6


class SpeechDetector:
    """Tells how likely each frame of a stream holds speech.

    Frames are `FRAME_SAMPLES` long, back to back from the first sample. Results do not depend on
    how the samples are split into calls; many frames in one call are much faster.
    """

    def __init__(self) -> None:
        self._h = self._c = _FRESH
        self._spoken = False
        self._stride = np.zeros(0, np.float32)
        self._context = np.zeros(_CONTEXT_SAMPLES, np.float32)
        self._rest = np.zeros(0, np.int16)

    def feed(self, samples: NDArray[np.int16]) -> NDArray[np.float32]:
        """Take int16 samples, mono, 16 kHz; return the probabilities of the frames completed."""
        pending = np.concatenate([self._rest, samples])
        whole = len(pending) // FRAME_SAMPLES * FRAME_SAMPLES
        self._rest = pending[whole:].copy()
        return self._run(pending[:whole])

    def flush(self) -> NDArray[np.float32]:
        """Return the probability of the last frame, filled up with zeros, if samples are left."""
        missing = -len(self._rest) % FRAME_SAMPLES
        return self.feed(np.zeros(missing, np.int16))

    def _run(self, samples: NDArray[np.int16]) -> NDArray[np.float32]:
        if not len(samples):
            return np.zeros(0, np.float32)
        frames = samples.astype(np.float32).reshape(-1, FRAME_SAMPLES) / np.float32(32768)
        tails = frames[:, -_CONTEXT_SAMPLES:]
        contexts = np.concatenate([self._context[np.newaxis], tails[:-1]])
        inputs = np.concatenate([contexts, frames], axis=1)
        self._context = tails[-1].copy()
        heard = []
        while len(inputs):
            room = _STRIDE_FRAMES - len(self._stride)
            heard.append(self._hear(inputs[:room]))
            inputs = inputs[room:]
        return np.concatenate(heard)

    def _hear(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the probabilities of frames that belong to one stride."""
        found, self._h, self._c = speech_model().run(
            None, {"input": inputs, "h": self._h, "c": self._c}
        )
        probabilities = np.asarray(found, np.float32).reshape(-1)
        self._stride = np.concatenate([self._stride, probabilities])
        self._spoken |= bool(probabilities.max() >= _SPEECH_PROBABILITY)
        if len(self._stride) == _STRIDE_FRAMES:
            if self._spoken and self._stride[-_PAUSE_FRAMES:].max() < _PAUSE_PROBABILITY:
                self._h = self._c = _FRESH
                self._spoken = False
            self._stride = self._stride[:0]
        return probabilities
