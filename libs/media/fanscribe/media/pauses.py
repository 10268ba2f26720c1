"""Pauses in speech, and where to cut in them: pure functions on speech probabilities.

A probability belongs to one frame of `speech.FRAME_SAMPLES` samples. Positions are frame indexes.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

# Speech begins at the first threshold and goes on until below the second (hysteresis). Low ones: a
# frame wrongly held for speech costs a little time, one wrongly held for silence costs words.
SPEECH_BEGINS: Final = 0.10
SPEECH_ENDS: Final = 0.05
# A stretch of speech that is once as likely as this is speech for certain; others may be noise.
CERTAIN_SPEECH: Final = 0.60

# Shorter gaps are stops and breaths inside a word or phrase (5 frames = 160 ms).
SHORTEST_PAUSE_FRAMES: Final = 5


class SpeechGate:
    """Tells speech from silence, frame by frame, with hysteresis."""

    def __init__(self) -> None:
        self._open = False

    def feed(self, probabilities: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Return which of the frames are speech; the state goes on from the last call."""
        speech = np.empty(len(probabilities), dtype=np.bool_)
        for i, probability in enumerate(probabilities):
            self._open = probability >= (SPEECH_ENDS if self._open else SPEECH_BEGINS)
            speech[i] = self._open
        return speech


def certain_speech(
    probabilities: NDArray[np.float32], speech: NDArray[np.bool_]
) -> list[tuple[int, int]]:
    """Return the runs of `speech` that are speech for certain, as [start, end)."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], speech, [False])).astype(np.int8)))
    runs = zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
    return [(start, end) for start, end in runs if probabilities[start:end].max() >= CERTAIN_SPEECH]


def pauses(speech: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return the runs of at least SHORTEST_PAUSE_FRAMES frames without speech, as [start, end)."""
    edges = np.flatnonzero(np.diff(np.concatenate(([True], speech, [True])).astype(np.int8)))
    runs = zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
    return [(start, end) for start, end in runs if end - start >= SHORTEST_PAUSE_FRAMES]


def longest_pause(speech: NDArray[np.bool_], near: int) -> int | None:
    """Return the middle of the longest pause, of several the nearest to `near`; None if none."""
    found = pauses(speech)
    if not found:
        return None
    start, end = max(found, key=lambda run: (run[1] - run[0], -abs(sum(run) // 2 - near)))
    return (start + end) // 2


def least_speech(probabilities: NDArray[np.float32]) -> int:
    """Return the frame around which speech is least likely, for where there is no pause."""
    width = min(SHORTEST_PAUSE_FRAMES, len(probabilities))
    smooth = np.convolve(probabilities, np.ones(width) / width, mode="valid")
    return int(np.argmin(smooth)) + width // 2
