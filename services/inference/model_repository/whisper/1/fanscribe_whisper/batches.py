"""Which windows are computed together, and at which size.

The text of a window must not depend on the windows it happens to be batched with. So the size a
window is padded to follows from its own length alone, and only windows of one size share a batch.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from fanscribe_whisper.features import FRAMES_PER_S, SAMPLE_RATE
from fanscribe_whisper.options import Options

MAX_AUDIO_MS: Final = 30_000
MAX_FRAMES: Final = MAX_AUDIO_MS // 1000 * FRAMES_PER_S
# Silence after the audio: without it, Whisper tends to lose the last words.
MIN_PADDING_MS: Final = 1_000


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


def padded_frames(audio_ms: int, bucket_ms: int) -> int:
    """Frames to pad audio to: with 1 s of silence up to a multiple of `bucket_ms`, 30 s at most."""
    buckets = -(-(audio_ms + MIN_PADDING_MS) // bucket_ms)
    return min(buckets * bucket_ms * FRAMES_PER_S // 1000, MAX_FRAMES)


def batches(windows: Iterable[Window], bucket_ms: int) -> list[tuple[int, list[Window]]]:
    """Group windows that can share a batch; returns (frames, windows) for each group.

    CTranslate2 wants one prompt length for each batch too.
    """
    groups: dict[tuple[int, int], list[Window]] = defaultdict(list)
    for window in windows:
        groups[padded_frames(window.audio_ms, bucket_ms), len(window.prompt)].append(window)
    return [(frames, group) for (frames, _), group in groups.items()]
