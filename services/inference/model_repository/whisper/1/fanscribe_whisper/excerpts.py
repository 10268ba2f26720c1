"""What is decoded, and at which size.

The text of a window must not depend on the windows it happens to be batched with. So the size an
excerpt is padded to follows from its own length alone, and only excerpts of one size share a batch.

Here, and in all that is made of it but the result, time is what Whisper takes it for: 10 ms for
each frame of the spectrogram. With a longer hop than Whisper's own, that is a little more audio.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt

from fanscribe_whisper.features import FRAMES_PER_S, HOP_SAMPLES
from fanscribe_whisper.options import Options, Stretches

MAX_AUDIO_MS: Final = 30_000
MAX_FRAMES: Final = MAX_AUDIO_MS // 1000 * FRAMES_PER_S
FRAME_MS: Final = 1000 // FRAMES_PER_S


@dataclass(frozen=True, eq=False)
class Window:
    """One request's audio (mono, 16 kHz) and options, and the tokens of its prompt."""

    samples: npt.NDArray[np.int16]
    # Times in them are those of the audio, as they were sent.
    options: Options
    prompt: list[int]
    # From frame to frame of its spectrogram.
    hop_samples: int = HOP_SAMPLES

    @property
    def audio_ms(self) -> int:
        """Length of the audio in milliseconds, at least 1."""
        return max(1, len(self.samples) * FRAME_MS // self.hop_samples)

    @cached_property
    def speech(self) -> Stretches:
        """Where somebody speaks for certain, as far as is known."""
        return tuple(
            (start * HOP_SAMPLES // self.hop_samples, end * HOP_SAMPLES // self.hop_samples)
            for start, end in self.options.speech or ()
        )

    def in_audio_ms(self, time_ms: int) -> int:
        """Turn a time into that of the audio, as the sender counts it."""
        return time_ms * self.hop_samples // HOP_SAMPLES

    def speech_within(self, start_ms: int, end_ms: int) -> list[tuple[int, int]]:
        """Return the stretches of [start_ms, end_ms) that are known to be speech."""
        return [
            (max(start, start_ms), min(end, end_ms))
            for start, end in self.speech
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
        hop = self.window.hop_samples
        last = None if self.end_ms >= self.window.audio_ms else self.end_ms * hop // FRAME_MS
        return self.window.samples[self.start_ms * hop // FRAME_MS : last]

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
