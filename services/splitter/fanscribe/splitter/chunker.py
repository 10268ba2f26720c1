"""Cuts a stream of samples into micro chunks that end in pauses."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from fanscribe.media.pauses import (
    SpeechGate,
    certain_speech,
    cut_in,
    least_speech,
    longest_pause,
)
from fanscribe.media.speech import FRAME_SAMPLES
from fanscribe.media.timeline import SAMPLE_RATE, Span

_FRAMES_PER_S: Final = SAMPLE_RATE / FRAME_SAMPLES

# Silence kept before and after speech: soft onsets and endings lie in it. With more of it before,
# Whisper hears what was not said; with less, too.
LEAD_FRAMES: Final = round(0.2 * _FRAMES_PER_S)
TAIL_FRAMES: Final = round(0.4 * _FRAMES_PER_S)
# A pause this long ends a micro chunk, however short that is.
LONG_PAUSE_FRAMES: Final = round(2.0 * _FRAMES_PER_S)
# Silence is told in pieces of at most this, so that progress goes on and memory stays bounded.
SILENCE_FRAMES: Final = round(30.0 * _FRAMES_PER_S)
# A micro chunk of continuous speech is cut in the last part of what it may be.
CUT_FROM: Final = 0.6
# Where it is cut in speech, for want of a pause, the next one begins so much earlier: a word that
# is cut in two here is whole there.
OVERLAP_FRAMES: Final = round(1.6 * _FRAMES_PER_S)
# A detector listens to so much before a micro chunk: one that has heard nothing yet may miss words.
RUN_IN_FRAMES: Final = round(5.0 * _FRAMES_PER_S)


class Detector(Protocol):
    """Speech probabilities of a stream, a frame at a time; `media.speech.SpeechDetector`."""

    def feed(self, samples: NDArray[np.int16]) -> NDArray[np.float32]:
        """Return the probabilities of the frames that `samples` completes."""
        ...

    def flush(self) -> NDArray[np.float32]:
        """Return the probability of the unfinished last frame, if there is one."""
        ...


@dataclass(frozen=True)
class MicroChunk:
    """A stretch of the timeline, and the part of it in which there may be speech.

    The audio of one that continues another, cut in speech, begins before its span.
    """

    span: Span
    audio_start_sample: int
    audio: NDArray[np.int16]  # empty for silence
    # Where in it somebody speaks for certain, in samples from the start of `audio`.
    speech: tuple[Span, ...]
    cut_in_speech: bool = False

    @property
    def continues(self) -> bool:
        """Whether the one before it was cut in speech."""
        return self.audio_start_sample < self.span.start_sample

    @property
    def overlaps(self) -> bool:
        """Whether the one before or after it has a part of its audio too."""
        return self.continues or self.cut_in_speech

    @property
    def overlap_samples(self) -> int:
        """How much of the audio the one before it has too."""
        return max(0, self.span.start_sample - self.audio_start_sample)

    @property
    def transcribed_samples(self) -> int:
        """How much of the span is in the audio."""
        return len(self.audio) - self.overlap_samples

    @property
    def speech_samples(self) -> int:
        """How much of the span is speech for certain."""
        own = self.overlap_samples
        return sum(max(0, one.end_sample - max(one.start_sample, own)) for one in self.speech)


class _Cut(NamedTuple):
    sample: int  # before which a micro chunk ends, of the audio at hand
    in_speech: bool = False


class _Hearing:
    """Audio, and what a detector makes of its frames that listened to a run-in before."""

    def __init__(
        self, detector: Detector, run_in: NDArray[np.int16], audio: NDArray[np.int16]
    ) -> None:
        self._detector = detector
        # Whole frames, so that the first one of the audio begins with it.
        self._detector.feed(run_in[len(run_in) % FRAME_SAMPLES :])
        self._gate = SpeechGate()
        self.audio: NDArray[np.int16] = np.empty(0, np.int16)
        self.probabilities: NDArray[np.float32] = np.empty(0, np.float32)
        self.speech: NDArray[np.bool_] = np.empty(0, np.bool_)
        self.feed(audio)

    def feed(self, samples: NDArray[np.int16]) -> None:
        self.audio = np.concatenate((self.audio, samples))
        self._take(self._detector.feed(samples))

    def flush(self) -> None:
        """Tell of the unfinished last frame too."""
        self._take(self._detector.flush())

    def _take(self, probabilities: NDArray[np.float32]) -> None:
        self.probabilities = np.concatenate((self.probabilities, probabilities))
        self.speech = np.concatenate((self.speech, self._gate.feed(probabilities)))


class Chunker:
    """Cuts one macro chunk. The spans of its micro chunks tile what was fed, exactly.

    Cuts depend only on the samples, never on how they were fed, so that another attempt at the same
    macro chunk finds the same ones. Nor do they depend on what was long before the last cut: each
    micro chunk has a detector of its own, with frames that begin at a cut that the sound itself
    fixes to the sample. So after a few cuts the same speech gets the same ones wherever it lies in
    a recording, and the model, which a hundredth of a second can make hear other words, hears the
    same.
    """

    def __init__(
        self, detector: Callable[[], Detector], start_sample: int, longest_samples: int
    ) -> None:
        self._detector = detector
        self._longest_frames = longest_samples // FRAME_SAMPLES
        # Everything from here on is not yet part of a micro chunk. The audio at hand begins
        # earlier, by the overlap with the last one, if that was cut in speech.
        self._start_sample = start_sample
        self._overlap_frames = 0
        self._before: NDArray[np.int16] = np.empty(0, np.int16)
        self._heard = _Hearing(detector(), self._before, self._before)
        self._ended = False

    def feed(self, samples: NDArray[np.int16]) -> list[MicroChunk]:
        """Take the next few seconds of samples; return the micro chunks they complete."""
        self._heard.feed(samples)
        return self._completed()

    def finish(self) -> list[MicroChunk]:
        """Return what is left; nothing may be fed after it."""
        self._ended = True
        self._heard.flush()
        done = self._completed()
        if len(self._heard.audio) > self._overlap_frames * FRAME_SAMPLES:
            done.append(self._take(_Cut(len(self._heard.audio))))
        return done

    def _completed(self) -> list[MicroChunk]:
        done = []
        while (cut := self._next_cut()) is not None:
            done.append(self._take(cut))
        return done

    def _next_cut(self) -> _Cut | None:
        """Return where the next micro chunk ends; None if more must be heard."""
        # Each step looks at a stretch of fixed length, however much more has been heard: what is
        # decided must not depend on the size of the blocks.
        speech = self._heard.speech
        opening = np.flatnonzero(speech[: SILENCE_FRAMES + LEAD_FRAMES])
        if not len(opening):
            enough = len(speech) >= SILENCE_FRAMES + LEAD_FRAMES
            return _Cut(SILENCE_FRAMES * FRAME_SAMPLES) if enough else None
        first = max(0, int(opening[0]) - LEAD_FRAMES)
        furthest = first + self._longest_frames
        reach = speech[:furthest]
        voiced = np.flatnonzero(reach)
        long_pauses = np.flatnonzero(np.diff(np.append(voiced, len(reach))) > LONG_PAUSE_FRAMES)
        if len(long_pauses):
            pause = int(voiced[long_pauses[0]]) + 1
            tail = max(pause, self._overlap_frames) + TAIL_FRAMES
            return _Cut(cut_in(self._heard.audio, (tail, pause + LONG_PAUSE_FRAMES)))
        return self._cut_in_speech(first, furthest) if len(speech) >= furthest else None

    def _cut_in_speech(self, first: int, furthest: int) -> _Cut:
        """Return where to cut speech that is as long as a micro chunk may be."""
        for share in (CUT_FROM, 0.2):
            earliest = max(first + int(self._longest_frames * share), self._overlap_frames + 1)
            reach = self._heard.speech[earliest:furthest]
            if (pause := longest_pause(reach, near=len(reach))) is not None:
                here = earliest + pause[0], earliest + pause[1]
                return _Cut(cut_in(self._heard.audio, here))
        earliest = first + int(self._longest_frames * CUT_FROM)
        least = least_speech(self._heard.probabilities[earliest:furthest])
        return _Cut((earliest + least) * FRAME_SAMPLES, in_speech=True)

    def _take(self, cut: _Cut) -> MicroChunk:
        heard = self._heard
        overlap = self._overlap_frames * FRAME_SAMPLES
        frames = -(-cut.sample // FRAME_SAMPLES)
        voiced = np.flatnonzero(heard.speech[:frames])
        begin, stop = 0, 0
        if len(voiced):
            begin = max(0, int(voiced[0]) - LEAD_FRAMES) * FRAME_SAMPLES
            stop = min(cut.sample, (int(voiced[-1]) + 1 + TAIL_FRAMES) * FRAME_SAMPLES)
        chunk = MicroChunk(
            span=Span(self._start_sample, self._start_sample + cut.sample - overlap),
            audio_start_sample=self._start_sample - overlap + begin,
            # A copy: a view would keep the whole buffer alive while the model works.
            audio=heard.audio[begin:stop].copy(),
            speech=tuple(
                Span(first * FRAME_SAMPLES - begin, min(last * FRAME_SAMPLES, stop) - begin)
                for first, last in certain_speech(
                    heard.probabilities[:frames], heard.speech[:frames]
                )
            ),
            cut_in_speech=cut.in_speech,
        )
        self._start_sample = chunk.span.end_sample
        self._overlap_frames = OVERLAP_FRAMES if cut.in_speech else 0
        kept = cut.sample - self._overlap_frames * FRAME_SAMPLES
        run_in = np.concatenate((self._before, heard.audio[:kept]))
        self._before = run_in[-RUN_IN_FRAMES * FRAME_SAMPLES :].copy()
        self._heard = _Hearing(self._detector(), self._before, heard.audio[kept:])
        if self._ended:
            self._heard.flush()
        return chunk
