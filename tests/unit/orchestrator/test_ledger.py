"""The account of a job's chunks, and the merging of their text."""

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fanscribe.media.timeline import Span
from fanscribe.orchestrator.ledger import Ledger, MicroResult, TextSegment
from fanscribe.orchestrator.merger import Merger
from fanscribe.orchestrator.planner import MacroChunk
from fanscribe.runtime.errors import FanscribeError, Reason


def segment(text: str) -> TextSegment:
    return TextSegment(0, 1, text, "en", -0.1, 0.0, 1.0, ())


def result(start: int, end: int, *texts: str, language: str = "en") -> MicroResult:
    samples = end - start
    return MicroResult(
        Span(start, end),
        transcribed_samples=samples,
        speech_samples=samples,
        wordless_samples=0 if texts else samples,
        language=language,
        segments=tuple(map(segment, texts)),
    )


def accept(book: Ledger, index: int, one: MicroResult) -> bool:
    new = book.received(index, one)
    if new:
        book.accepted(index, one)
    return new


def ledger() -> Ledger:
    book = Ledger(300)
    book.planned(MacroChunk(0, Span(0, 200), to_end=False))
    book.planned(MacroChunk(1, Span(200, 300), to_end=True))
    return book


def test_a_job_is_complete_when_all_chunks_are_done() -> None:
    book = ledger()
    assert accept(book, 0, result(0, 120, "a"))
    assert accept(book, 0, result(120, 200, "b"))
    book.finished(0, 200)
    assert not book.complete
    assert accept(book, 1, result(200, 310, "c"))
    book.finished(1, 310)
    assert book.complete
    # The last chunk has found the real end.
    assert book.duration_samples == 310
    assert book.done_samples == 310


def test_an_estimated_duration_gives_way_to_the_planned_and_the_real_one() -> None:
    book = Ledger(100)
    book.planned(MacroChunk(0, Span(0, 200), to_end=False))
    assert book.duration_samples == 200  # it was too short
    book = Ledger(10_000)
    book.planned(MacroChunk(0, Span(0, 200), to_end=False))
    assert book.duration_samples == 10_000
    book.planned(MacroChunk(1, Span(200, 300), to_end=True))
    assert book.duration_samples == 300


def test_what_is_heard_beyond_an_estimate_makes_it_longer() -> None:
    book = Ledger(100)
    book.planned(MacroChunk(0, Span(0, 100), to_end=True, is_whole=True))
    assert book.received(0, result(0, 90, "a"))
    assert book.received(0, result(90, 250, "b"))
    assert (book.duration_samples, book.remaining_samples(0)) == (250, 250)
    book.accepted(0, result(0, 90, "a"))
    assert book.remaining_samples(0) == 160
    book.accepted(0, result(90, 250, "b"))
    book.finished(0, 250)
    assert book.complete


def test_a_chunk_is_done_again_as_far_as_text_is_missing() -> None:
    book = ledger()
    spans = [(0, 50), (50, 90), (90, 140), (140, 200)]
    for span in spans:
        book.received(0, result(*span, "a"))
    assert book.known_rest(0) is None
    for number, span in enumerate(spans):
        (book.rejected if number in {0, 1} else book.accepted)(0, result(*span, "a"))
    assert book.known_rest(0) is None  # where it ends is not known yet
    book.finished(0, 200)
    assert book.known_rest(0) == Span(90, 200)
    assert accept(book, 0, result(50, 90, "b"))
    assert book.known_rest(0) == Span(50, 200)
    assert accept(book, 0, result(0, 50, "b"))
    assert book.known_rest(0) is None
    book.finished(0, 200)


def test_a_micro_result_counts_once() -> None:
    book = ledger()
    assert accept(book, 0, result(0, 120, "a"))
    assert not accept(book, 0, result(0, 120, "a"))
    assert book.done_samples == 120
    assert book.received_starts(0) == [0]
    assert book.remaining_samples(0) == 80


@pytest.mark.parametrize(
    ("results", "end"),
    [
        ([(0, 120)], 200),  # the end is missing
        ([(0, 100), (120, 200)], 200),  # a gap
        ([(0, 120), (100, 200)], 200),  # an overlap
        ([(0, 120), (120, 200)], 190),  # another end than planned
    ],
)
def test_text_that_does_not_account_for_the_audio_is_refused(
    results: list[tuple[int, int]], end: int
) -> None:
    book = ledger()
    for start, stop in results:
        accept(book, 0, result(start, stop, "x"))
    with pytest.raises(FanscribeError) as refused:
        book.finished(0, end)
    assert refused.value.reason is Reason.INTERNAL
    assert not book.complete


def test_a_rejected_result_is_as_good_as_not_received() -> None:
    book = ledger()
    rejected = result(0, 120, "a", language="fr")
    assert book.received(0, rejected)
    assert accept(book, 0, result(120, 200, "b"))
    assert book.received_starts(0) == [0, 120]  # whose verdict is not known is not asked again
    book.finished(0, 200)
    assert book.chunks_done == 0
    assert book.reopened(0) is None

    book.rejected(0, rejected)
    assert book.done_samples == 80
    assert book.received_starts(0) == [120]
    assert book.remaining_samples(0) == 120
    reopened = book.reopened(0)
    assert reopened is not None
    assert reopened.index == 0
    assert book.reopened(0) is None  # once

    assert accept(book, 0, result(0, 120, "a"))
    assert book.chunks_done == 0
    book.finished(0, 200)
    assert book.chunks_done == 1
    assert book.reopened(0) is None


def test_all_is_heard_before_all_is_done() -> None:
    book = ledger()
    withheld = [(0, result(0, 200, "a")), (1, result(200, 300, "b"))]
    for index, one in withheld:
        book.received(index, one)
        book.finished(index, one.span.end_sample)
    assert book.heard
    assert not book.complete
    for index, one in withheld:
        book.accepted(index, one)
    assert book.complete


def test_language_is_that_of_most_speech() -> None:
    book = ledger()
    accept(book, 0, result(0, 50, "a", language="de"))
    accept(book, 0, result(50, 200, "b", language="fr"))
    assert book.language == "fr"
    assert Ledger(0).language == ""


def test_speech_without_text_is_counted() -> None:
    book = ledger()
    accept(book, 0, result(0, 50))
    accept(book, 0, result(50, 200, "b"))
    assert book.wordless_speech_samples == 50


@given(cuts=st.sets(st.integers(1, 9999), max_size=40), seed=st.integers())
def test_text_comes_out_in_order_whatever_order_it_came_in(cuts: set[int], seed: int) -> None:
    edges = [0, *sorted(cuts), 10_000]
    results = [result(a, b, str(a)) for a, b in itertools.pairwise(edges)]
    shuffled = random.Random(seed).sample(results, len(results))
    merger = Merger()
    arrived: set[int] = set()
    told: list[str] = []
    for one in shuffled:
        arrived.add(one.span.start_sample)
        told += [piece.text for freed in merger.add(one) for piece in freed.segments]
        # As early as possible: everything whose prefix has arrived.
        prefix = next(
            (i for i, edge in enumerate(edges[:-1]) if edge not in arrived), len(edges) - 1
        )
        assert len(told) == prefix
    assert told == [str(edge) for edge in edges[:-1]]
