"""What is decoded, and at which size.

The text of a window must not depend on the windows it happens to be batched with. So the size an
excerpt is padded to follows from its own length alone, and only excerpts of one size share a batch.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from fanscribe_whisper.features import FRAMES_PER_S, SAMPLE_RATE
from fanscribe_whisper.options import Options

MAX_AUDIO_MS: Final = 30_000
MAX_FRAMES: Final = MAX_AUDIO_MS // 1000 * FRAMES_PER_S


@dataclass(frozen=True, eq=False)
class Window:
    """One request's audio (mono, 16 kHz) and options, and the tokens of its prompt."""

    samples: npt.NDArray[np.int16]
    options: Options
    prompt: list[int]

    @property
    def audio_ms(self) -> int:
        """Length of the audio in milliseconds, at least 1."""
        return max(1, len(self.samples) * 1000 // SAMPLE_RATE)

    def speech_within(self, start_ms: int, end_ms: int) -> list[tuple[int, int]]:
        """Return the stretches of [start_ms, end_ms) that are known to be speech."""
        return [
            (max(start, start_ms), min(end, end_ms))
            for start, end in self.options.speech or ()
            if start < end_ms and end > start_ms
        ]

    def speech_ms(self, start_ms: int, end_ms: int) -> int:
        """How much of [start_ms, end_ms) is known to be speech."""
        return sum(end - start for start, end in self.speech_within(start_ms, end_ms))


@dataclass(frozen=True, eq=False)
class Excerpt:
    """What is decoded by itself: [start_ms, end_ms) of a window, with its prompt or without."""

    window: Window
    start_ms: int
    end_ms: int
    prompt: list[int]
    # Code and probability of what is spoken; None: to be detected.
    language: tuple[str, float] | None

    @property
    def samples(self) -> npt.NDArray[np.int16]:
        """The audio, at least one sample."""
        per_ms = SAMPLE_RATE // 1000
        last = None if self.end_ms >= self.window.audio_ms else self.end_ms * per_ms
        return self.window.samples[self.start_ms * per_ms : last]

    @property
    def audio_ms(self) -> int:
        """Length in milliseconds."""
        return self.end_ms - self.start_ms

    @property
    def speech_ms(self) -> int:
        """How much of it is known to be speech."""
        return self.window.speech_ms(self.start_ms, self.end_ms)


def whole(window: Window) -> Excerpt:
    """All of a window."""
    given = window.options.language
    return Excerpt(window, 0, window.audio_ms, window.prompt, (given, 1.0) if given else None)


@dataclass(frozen=True)
class Padding:
    """Silence that is added to audio before it is decoded: without any, Whisper loses last words.

    At least `least_ms`, and then up to a multiple of `bucket_ms`; to 30 s in all at most.
    """

    least_ms: int
    bucket_ms: int

    def frames(self, audio_ms: int) -> int:
        """Length of audio and silence together, in frames of features."""
        buckets = -(-(audio_ms + self.least_ms) // self.bucket_ms)
        return min(buckets * self.bucket_ms * FRAMES_PER_S // 1000, MAX_FRAMES)


FULL_PADDING: Final = Padding(0, MAX_AUDIO_MS)
