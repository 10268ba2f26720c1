"""Pauses in speech, and where to cut in them: pure functions on speech probabilities and samples.

A probability belongs to one frame of `speech.FRAME_SAMPLES` samples. Positions are frame indexes,
but those of `cut_in` and `quietest` are samples.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from fanscribe.media.speech import FRAME_SAMPLES

# Speech begins at the first threshold and goes on until below the second (hysteresis). Low ones: a
# frame wrongly held for speech costs a little time, one wrongly held for silence costs words.
SPEECH_BEGINS: Final = 0.10
SPEECH_ENDS: Final = 0.05
# A stretch of speech that is once as likely as this is speech for certain; others may be noise.
CERTAIN_SPEECH: Final = 0.60

# Shorter gaps are stops and breaths inside a word or phrase (5 frames = 160 ms).
SHORTEST_PAUSE_FRAMES: Final = 5

# How much sound is told to be quiet at a time: 10 ms.
_QUIET_SAMPLES: Final = 160


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


def longest_pause(speech: NDArray[np.bool_], near: int) -> tuple[int, int] | None:
    """Return the longest pause, of several the one around or nearest to `near`; None if none."""
    return max(
        pauses(speech),
        key=lambda run: (run[1] - run[0], -abs(sum(run) // 2 - near)),
        default=None,
    )


def cut_in(samples: NDArray[np.int16], pause: tuple[int, int]) -> int:
    """Return which of `samples` to cut before in a pause of theirs: in its quietest 10 ms."""
    start, end = (frame * FRAME_SAMPLES for frame in pause)
    return start + quietest(samples[start:end])


def quietest(samples: NDArray[np.int16]) -> int:
    """Return the sample in the midst of the quietest 10 ms of a pause, not too near to its ends.

    It depends on the sound alone, hardly on where the pause was found to begin and end: whoever
    cuts there finds the same samples again in the same sound, wherever that lies in a recording.
    Where it is as quiet for longer, it is the middle of that. `samples` are those of the pause,
    int16, at least 10 ms.
    """
    energy = np.cumsum(np.concatenate(([0], samples.astype(np.int64) ** 2)))
    energy = energy[_QUIET_SAMPLES:] - energy[:-_QUIET_SAMPLES]
    margin = len(energy) // 4
    first = margin + int(np.argmin(energy[margin : len(energy) - margin]))
    louder = np.flatnonzero(energy != energy[first])
    after = int(np.searchsorted(louder, first))
    begin = int(louder[after - 1]) + 1 if after else 0
    end = int(louder[after]) if after < len(louder) else len(energy)
    return (begin + end + _QUIET_SAMPLES) // 2


def least_speech(probabilities: NDArray[np.float32]) -> int:
    """Return the frame around which speech is least likely, for where there is no pause."""
    width = min(SHORTEST_PAUSE_FRAMES, len(probabilities))
    smooth = np.convolve(probabilities, np.ones(width) / width, mode="valid")
    return int(np.argmin(smooth)) + width // 2
