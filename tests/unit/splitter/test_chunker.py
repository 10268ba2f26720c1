"""Cutting micro chunks: they tile, they end in pauses, and blocks make no difference."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from fanscribe.media.pauses import SHORTEST_PAUSE_FRAMES, longest_pause, pauses, quietest
from fanscribe.media.speech import FRAME_SAMPLES, SpeechDetector
from fanscribe.splitter.chunker import OVERLAP_FRAMES, Chunker, Detector, MicroChunk
from tests.support.audio import decode, english_clips

FRAMES_PER_S = 16_000 / FRAME_SAMPLES


class LoudIsSpeech:
    """A detector for made-up audio: a frame's greatest sample is its probability, in percent."""

    def __init__(self) -> None:
        self._rest: NDArray[np.int16] = np.empty(0, np.int16)

    def feed(self, samples: NDArray[np.int16]) -> NDArray[np.float32]:
        heard = np.concatenate((self._rest, samples))
        whole = len(heard) // FRAME_SAMPLES * FRAME_SAMPLES
        self._rest = heard[whole:]
        frames = heard[:whole].reshape(-1, FRAME_SAMPLES)
        return frames.max(axis=1).astype(np.float32) / 100

    def flush(self) -> NDArray[np.float32]:
        return self._rest.max(keepdims=True, initial=0)[: len(self._rest)].astype(np.float32) / 100


def audio_of(*parts: tuple[float, int]) -> NDArray[np.int16]:
    """Join stretches of (seconds, speech probability in percent), in whole frames."""
    return np.concatenate(
        [np.full(round(s * FRAMES_PER_S) * FRAME_SAMPLES, p, np.int16) for s, p in parts]
    )


def cut(
    audio: NDArray[np.int16],
    longest_s: float = 20,
    start: int = 1000,
    block: int = 8000,
    detector: Callable[[], Detector] = LoudIsSpeech,
) -> list[MicroChunk]:
    chunker = Chunker(detector, start, round(longest_s * 16_000))
    chunks = []
    for position in range(0, len(audio), block):
        chunks += chunker.feed(audio[position : position + block])
    return chunks + chunker.finish()


def assert_tiles(chunks: list[MicroChunk], audio: NDArray[np.int16], start: int = 1000) -> None:
    position = start
    for chunk in chunks:
        assert chunk.span.start_sample == position
        assert chunk.span.samples > 0
        position = chunk.span.end_sample
        offset = chunk.audio_start_sample - start
        np.testing.assert_array_equal(chunk.audio, audio[offset : offset + len(chunk.audio)])
    assert position == start + len(audio)


@settings(deadline=None)
@given(
    parts=st.lists(
        st.tuples(st.floats(0.04, 45), st.sampled_from([0, 4, 8, 20, 50, 100])),
        min_size=1,
        max_size=9,
    ),
    blocks=st.tuples(st.integers(600, 80_000), st.integers(600, 80_000)),
    longest_s=st.integers(5, 30),
)
def test_micro_chunks_tile_and_blocks_make_no_difference(
    parts: list[tuple[float, int]], blocks: tuple[int, int], longest_s: int
) -> None:
    audio = audio_of(*parts)
    first, second = (cut(audio, longest_s, block=block) for block in blocks)
    assert_tiles(first, audio)
    assert [chunk.span for chunk in first] == [chunk.span for chunk in second]
    assert all(len(chunk.audio) <= longest_s * 16_000 for chunk in first)
    certain = int((audio[::FRAME_SAMPLES] >= 60).sum()) * FRAME_SAMPLES
    assert sum(chunk.speech_samples for chunk in first) >= certain
    for chunk in first:
        assert all(one.start_sample >= 0 and one.samples > 0 for one in chunk.speech)
        assert all(one.end_sample <= len(chunk.audio) for one in chunk.speech)


def test_an_unfinished_last_frame_belongs_to_the_last_chunk() -> None:
    audio = np.append(audio_of((3, 90)), np.full(100, 90, np.int16))
    assert_tiles(cut(audio), audio)


def test_cuts_in_the_longest_pause_in_reach() -> None:
    audio = audio_of((14, 90), (0.3, 0), (2, 90), (0.9, 0), (1, 90), (0.2, 0), (9, 90))
    first = cut(audio, longest_s=20)[0]
    assert first.span.end_sample - 1000 == pytest.approx(16.75 * 16_000, abs=2 * FRAME_SAMPLES)


def test_a_long_pause_ends_a_chunk_and_is_not_sent() -> None:
    audio = audio_of((3, 90), (10, 0), (3, 90))
    chunks = cut(audio)
    assert_tiles(chunks, audio)
    assert len(chunks) == 2
    assert sum(len(chunk.audio) for chunk in chunks) < 8 * 16_000


def test_silence_is_told_without_audio() -> None:
    audio = audio_of((95, 0))
    chunks = cut(audio)
    assert_tiles(chunks, audio)
    assert len(chunks) == 4
    assert all(len(chunk.audio) == 0 and chunk.speech_samples == 0 for chunk in chunks)


def test_what_may_be_noise_is_sent_but_is_not_speech_for_certain() -> None:
    audio = audio_of((2, 20), (4, 0), (1, 90), (0.5, 0), (1, 20))
    doubtful, certain = cut(audio)
    assert (len(doubtful.audio) > 0, doubtful.speech) == (True, ())
    assert [one.samples for one in certain.speech] == [31 * FRAME_SAMPLES]


def test_speech_without_a_pause_is_cut_where_it_is_least_like_speech() -> None:
    audio = audio_of((17, 90), (0.1, 40), (13, 90))
    first, second = cut(audio, longest_s=20)
    assert first.span.end_sample - 1000 == pytest.approx(17.05 * 16_000, abs=4 * FRAME_SAMPLES)
    assert (first.cut_in_speech, second.cut_in_speech) == (True, False)
    # What was cut in two is whole in the second one.
    assert (first.continues, second.continues) == (False, True)
    assert second.overlap_samples == OVERLAP_FRAMES * FRAME_SAMPLES
    assert second.transcribed_samples == second.speech_samples == second.span.samples


def test_speech_that_ends_just_after_a_cut_is_not_lost() -> None:
    audio = audio_of((17, 90), (0.1, 40), (3.2, 90), (9, 0))
    chunks = cut(audio, longest_s=20)
    assert_tiles(chunks, audio)
    assert [chunk.continues for chunk in chunks] == [False, True, False]
    spoken = sum(chunk.speech_samples for chunk in chunks)
    assert spoken == pytest.approx(20.3 * 16_000, abs=5 * FRAME_SAMPLES)


def test_memory_is_bounded_by_the_longest_chunk() -> None:
    chunker = Chunker(LoudIsSpeech, 0, 20 * 16_000)
    for _ in range(600):
        chunker.feed(np.full(16_000, 90, np.int16))
        assert len(chunker._heard.audio) <= 21 * 16_000  # noqa: SLF001


def test_pauses_are_runs_long_enough() -> None:
    speech = np.array([1] * 3 + [0] * SHORTEST_PAUSE_FRAMES + [1] + [0] * 4 + [1] + [0] * 7, bool)
    assert pauses(speech) == [(3, 8), (14, 21)]
    assert longest_pause(speech, near=0) == (14, 21)
    assert longest_pause(np.ones(9, bool), near=0) is None
    assert pauses(np.zeros(9, bool)) == [(0, 9)]


def test_the_quietest_is_the_same_wherever_a_pause_is_said_to_begin() -> None:
    sound = np.random.default_rng(4).integers(-9, 10, 9_000).astype(np.int16)
    sound[4_000:4_200] //= 3
    assert [start + quietest(sound[start:stop]) for start, stop in ((0, 9_000), (700, 8_400))] == [
        pytest.approx(4_100, abs=40)
    ] * 2
    assert 700 + quietest(sound[700:8_400]) == quietest(sound)


def test_the_quietest_of_silence_is_the_middle_of_all_of_it() -> None:
    sound = np.full(8_000, 5, np.int16)
    sound[1_000:5_000] = 0
    assert [quietest(sound), 900 + quietest(sound[900:])] == [3_000, 3_000]


@pytest.mark.parametrize("before", [1, 300, 47_777])
def test_the_same_speech_gets_the_same_windows_wherever_it_lies(before: int) -> None:
    gap = np.zeros(9_000, np.int16)
    clips = [part for clip in english_clips()[:5] for part in (decode(clip.path), gap)]
    speech = np.concatenate(clips * (1 + 120 * 16_000 // sum(map(len, clips))))
    earlier = np.concatenate((speech[20_000 : 20_000 + before], speech))
    windows, later = (cut(one, start=0, detector=SpeechDetector) for one in (speech, earlier))
    known = {(one.audio_start_sample, len(one.audio)) for one in windows}
    same = [(one.audio_start_sample - before, len(one.audio)) in known for one in later]
    assert len(same) > 8
    assert all(same[4:])
