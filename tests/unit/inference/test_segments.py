"""Timestamp tokens become segments, and no text is lost on the way."""

from collections.abc import Sequence

from fanscribe_whisper.options import Stretches
from fanscribe_whisper.segments import segments_of, split_segments
from fanscribe_whisper.vocabulary import Vocabulary
from hypothesis import given
from hypothesis import strategies as st

from tests.support.hypotheses import excerpt, hypothesis

END = 1000
BEGIN = 2000
AUDIO_MS = 10_000


def at(ms: int) -> int:
    return BEGIN + ms // 20


def split(tokens: Sequence[int]) -> list[tuple[int, int, list[int]]]:
    segments = split_segments(tokens, END, BEGIN, AUDIO_MS)
    return [(segment.start_ms, segment.end_ms, segment.tokens) for segment in segments]


def test_pairs_of_timestamps_enclose_segments() -> None:
    tokens = [at(0), 1, 2, at(2000), at(2500), 3, at(4000)]
    assert split(tokens) == [(0, 2000, [1, 2]), (2500, 4000, [3])]


def test_text_without_closing_timestamp_lasts_to_the_end() -> None:
    assert split([at(0), 1, at(2000), at(2000), 2]) == [(0, 2000, [1]), (2000, AUDIO_MS, [2])]


def test_text_without_any_timestamp_is_the_whole_window() -> None:
    assert split([1, 2]) == [(0, AUDIO_MS, [1, 2])]


def test_text_before_the_first_timestamp_starts_at_zero() -> None:
    assert split([1, at(3000), at(3000), 2, at(4000)]) == [(0, 3000, [1]), (3000, 4000, [2])]


def test_times_are_clipped_to_the_audio() -> None:
    assert split([at(9000), 1, at(12_000)]) == [(9000, AUDIO_MS, [1])]


def test_text_after_the_end_of_the_audio_joins_the_segment_before_it() -> None:
    tokens = [at(0), 1, at(9000), at(11_000), 2, at(12_000)]
    assert split(tokens) == [(0, 9000, [1, 2])]


def test_lone_text_after_the_end_of_the_audio_is_the_whole_window() -> None:
    assert split([at(11_000), 1, at(12_000)]) == [(0, AUDIO_MS, [1])]


def test_nothing_is_no_segment() -> None:
    assert split([]) == []
    assert split([at(0), at(2000)]) == []
    assert split([END]) == []


@given(st.lists(st.one_of(st.integers(0, END - 1), st.integers(BEGIN, BEGIN + 1500))))
def test_any_tokens_keep_their_text_in_order_and_inside_the_audio(tokens: list[int]) -> None:
    segments = split(tokens)
    kept = [token for _, _, text in segments for token in text]
    assert kept == [token for token in tokens if token < END]
    assert all(0 <= start < end <= AUDIO_MS for start, end, _ in segments)
    starts_and_ends = [time for start, end, _ in segments for time in (start, end)]
    assert starts_and_ends == sorted(starts_and_ends)


def test_a_segment_lasts_no_longer_than_its_words_can(vocabulary: Vocabulary) -> None:
    def end_ms(text: str, speech: Stretches | None) -> int:
        heard = hypothesis(vocabulary, (0, text, 18_000), of=excerpt(20_000, speech))
        return segments_of(heard, vocabulary)[0].end_ms

    talk = ((1000, 2000), (3000, 19_000))
    assert end_ms("In this regard.", talk) == 3200
    # The speech counts, not the time; and without knowing where it is, the timestamp.
    assert end_ms("In this regard.", ((15_000, 18_000),)) == 18_000
    assert end_ms("In this regard.", None) == 18_000
    assert end_ms("one two three four five six seven " * 3, talk) == 18_000
