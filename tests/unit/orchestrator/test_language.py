"""The language of a recording: found from its first speech, the same whoever is faster."""

import itertools
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from hypothesis import given
from hypothesis import strategies as st

from fanscribe.media.timeline import SAMPLE_RATE, Span
from fanscribe.orchestrator.assembly import Assembly, Gain
from fanscribe.orchestrator.language import LanguageVotes
from fanscribe.orchestrator.ledger import Ledger, MicroResult, TextSegment
from fanscribe.orchestrator.planner import MacroChunk

MICRO = 20 * SAMPLE_RATE
MICROS_IN_A_CHUNK = 4
SILENCE = ("", 0.0, False)

Heard = tuple[str, float, bool]  # language, its probability, whether there were words


def micro(number: int, heard: Heard) -> MicroResult:
    """The `number`th 20 s of a recording, in which the model heard this."""
    language, probability, words = heard
    segment = TextSegment(
        number * 20_000, number * 20_000 + 20_000, f"{number}", language, -0.1, 0, 1, ()
    )
    return MicroResult(
        span=Span(number * MICRO, (number + 1) * MICRO),
        transcribed_samples=MICRO if language else 0,
        speech_samples=MICRO if language else 0,
        wordless_samples=0,
        language=language,
        segments=(segment,) if words else (),
        language_probability=probability,
    )


def voted(*recording: Heard) -> str:
    votes = LanguageVotes()
    for number, heard in enumerate(recording):
        votes.add(micro(number, heard))
    return votes.decided


def test_a_few_confident_micro_chunks_decide() -> None:
    german, french = ("de", 0.95, True), ("fr", 0.95, True)
    assert voted(german) == ""
    assert voted(german, german) == "de"
    assert voted(german, german, french, french, french) == "de"


def test_a_model_that_is_certain_decides_at_once() -> None:
    assert voted(("en", 1.0, True)) == "en"
    assert voted(SILENCE, ("en", 1.0, True)) == "en"


def test_silence_and_noise_have_no_vote() -> None:
    noise = ("nn", 0.9, False)
    assert voted(*[SILENCE] * 100, *[noise] * 100) == ""
    assert voted(*[SILENCE] * 100, *[noise] * 100, *[("de", 0.9, True)] * 2) == "de"


def test_doubt_takes_longer_but_not_for_ever() -> None:
    doubt = [("cy", 0.3, True), ("de", 0.35, True)]
    assert voted(*doubt, *doubt) == ""
    assert voted(*doubt * 4, doubt[1]) == "de"


def test_the_others_must_be_few() -> None:
    mixed = [("de", 0.9, True), ("fr", 0.9, True)]
    assert voted(*mixed, *mixed) == ""
    assert voted(*mixed, *[("de", 0.9, True)] * 2) == "de"


languages = st.sampled_from(["de", "fr", "nn"])
recordings = st.lists(
    st.one_of(
        st.just(SILENCE),
        st.tuples(languages, st.floats(0.1, 0.99), st.booleans()),
        st.just(("de", 0.95, True)),
    ),
    min_size=1,
    max_size=40,
)


@given(recording=recordings, seed=st.integers())
def test_the_order_of_arrival_does_not_matter(recording: list[Heard], seed: int) -> None:
    votes = LanguageVotes()
    for number in random.Random(seed).sample(range(len(recording)), len(recording)):
        votes.add(micro(number, recording[number]))
    assert votes.decided == voted(*recording)


@dataclass
class Hands:
    """Splitters in small: they work through chunks, a micro chunk of any of them at a time."""

    recording: Sequence[Heard]
    language: str = ""
    seed: int = 0
    told: list[TextSegment] = field(default_factory=list)
    attempts: int = 0
    accepted: list[int] = field(default_factory=list)
    decided: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        size = len(self.recording)
        self.ledger = Ledger(size * MICRO)
        self.assembly = Assembly(self.ledger, self.language)
        self.chunks = [
            MacroChunk(index, Span(first * MICRO, min(size, first + 4) * MICRO), first + 4 >= size)
            for index, first in enumerate(range(0, size, MICROS_IN_A_CHUNK))
        ]
        self.running: list[tuple[int, Iterator[MicroResult]]] = []

    def work(self) -> None:
        """Do all there is to do."""
        rng = random.Random(self.seed)
        for chunk in self.chunks:
            self.ledger.planned(chunk)
            self._begin(chunk)
        while self.running:
            position = rng.randrange(len(self.running))
            index, results = self.running[position]
            if (result := next(results, None)) is not None:
                self._gained(self.assembly.received(index, result))
            else:
                del self.running[position]
                end = self.chunks[index].span.end_sample
                self._gained(self.assembly.chunk_done(index, end))

    def _begin(self, chunk: MacroChunk) -> None:
        self.attempts += 1
        starts = set(self.ledger.received_starts(chunk.index))
        numbers = [
            start // MICRO
            for start in range(chunk.span.start_sample, chunk.span.end_sample, MICRO)
            if start not in starts
        ]
        # What is on the model when the language is decided comes back in another all the same.
        given = "" if self.assembly.language == "multi" else self.assembly.language
        self.running.append((chunk.index, iter([self._answer(n, given) for n in numbers])))

    def _answer(self, number: int, language: str) -> MicroResult:
        heard = self.recording[number]
        if not heard[0] or not language:
            return micro(number, heard)
        # In another language, words may be heard where there were none, and the other way round.
        words = heard[2] if heard[0] == language else number % 2 == 0
        return micro(number, (language, 1.0, words))

    def _gained(self, gain: Gain) -> None:
        self.told += gain.segments
        self.accepted += [result.span.start_sample for result in gain.accepted]
        if gain.language_decided:
            self.decided.append(self.assembly.language)
        for chunk in gain.to_repeat:
            self._begin(chunk)


def done(recording: Sequence[Heard], language: str = "", seed: int = 0) -> Hands:
    hands = Hands(recording, language, seed)
    hands.work()
    assert hands.ledger.complete
    assert hands.ledger.done_samples == len(recording) * MICRO
    assert sorted(hands.accepted) == [n * MICRO for n in range(len(recording))]
    assert [segment.start_ms for segment in hands.told] == sorted(
        segment.start_ms for segment in hands.told
    )
    return hands


@given(recording=recordings, seeds=st.tuples(st.integers(), st.integers()))
def test_a_recording_has_one_text_in_one_language_whoever_is_faster(
    recording: list[Heard], seeds: tuple[int, int]
) -> None:
    one, other = (done(recording, seed=seed) for seed in seeds)
    assert one.told == other.told
    assert len({segment.language for segment in one.told}) <= 1
    assert len(one.decided) <= 1
    # Each chunk is repeated once at most.
    assert one.attempts <= 2 * len(one.chunks)


@given(recording=recordings, seed=st.integers(), language=st.sampled_from(["multi", "it"]))
def test_nothing_is_held_back_or_repeated_where_the_caller_knows(
    recording: list[Heard], seed: int, language: str
) -> None:
    hands = done(recording, language, seed)
    assert hands.attempts == len(hands.chunks)
    assert hands.decided == []
    if language == "multi":
        told = {segment.start_ms // 20_000: segment.language for segment in hands.told}
        assert told == {n: heard[0] for n, heard in enumerate(recording) if heard[2]}


@given(recording=recordings, seed=st.integers())
def test_a_model_of_one_language_costs_nothing(recording: list[Heard], seed: int) -> None:
    english = [("en", 1.0, heard[2]) if heard[0] else SILENCE for heard in recording]
    hands, given = done(english, seed=seed), done(english, "en", seed)
    assert hands.told == given.told
    assert hands.attempts == len(hands.chunks)


def test_text_of_the_first_micro_chunk_comes_with_it_from_a_model_of_one_language() -> None:
    ledger = Ledger(2 * MICRO)
    ledger.planned(MacroChunk(0, Span(0, 2 * MICRO), to_end=True))
    assembly = Assembly(ledger, "")
    assert len(assembly.received(0, micro(0, ("en", 1.0, True))).segments) == 1


def test_text_is_held_back_until_it_is_decided_and_progress_with_it() -> None:
    ledger = Ledger(4 * MICRO)
    ledger.planned(MacroChunk(0, Span(0, 4 * MICRO), to_end=True))
    assembly = Assembly(ledger, "")
    steps = [SILENCE, ("de", 0.9, True), ("fr", 0.8, True), ("de", 0.9, True)]
    gains = [assembly.received(0, micro(n, heard)) for n, heard in enumerate(steps)]
    assert [len(gain.accepted) for gain in gains] == [1, 0, 0, 0]
    assert ledger.done_samples == MICRO

    end = assembly.chunk_done(0, 4 * MICRO)  # all of it was heard: decided by what there is
    assert end.language_decided
    assert assembly.language == "de"
    assert [segment.text for segment in end.segments] == ["1"]  # the next is missing
    assert [chunk.index for chunk in end.to_repeat] == [0]
    assert ledger.received_starts(0) == [0, MICRO, 3 * MICRO]
    assert not ledger.complete

    again = assembly.received(0, micro(2, ("de", 1.0, True)))
    assert [segment.text for segment in again.segments] == ["2", "3"]
    assert assembly.chunk_done(0, 4 * MICRO).to_repeat == []
    assert ledger.complete
    assert ledger.language == "de"


def test_a_model_that_answers_in_yet_another_language_is_asked_only_once_more() -> None:
    ledger = Ledger(3 * MICRO)
    ledger.planned(MacroChunk(0, Span(0, 3 * MICRO), to_end=True))
    assembly = Assembly(ledger, "")
    for number, language in enumerate(["de", "de", "fr"]):
        assembly.received(0, micro(number, (language, 0.9, True)))
    assert assembly.chunk_done(0, 3 * MICRO).to_repeat
    assert assembly.received(0, micro(2, ("it", 0.9, True))).accepted
    assert not assembly.chunk_done(0, 3 * MICRO).to_repeat
    assert ledger.complete


def test_a_result_that_is_known_changes_nothing() -> None:
    ledger = Ledger(2 * MICRO)
    ledger.planned(MacroChunk(0, Span(0, 2 * MICRO), to_end=True))
    assembly = Assembly(ledger, "")
    first = micro(0, ("de", 0.9, True))
    for again in itertools.repeat(first, 5):
        assert assembly.received(0, again) == Gain([], [], language_decided=False, to_repeat=[])
    other = replace(first, language="fr", language_probability=1.0)
    assert not assembly.received(0, other).language_decided


def test_text_that_was_joined_with_another_language_is_made_again() -> None:
    ledger = Ledger(3 * MICRO)
    ledger.planned(MacroChunk(0, Span(0, 3 * MICRO), to_end=True))
    assembly = Assembly(ledger, "")
    joined = replace(micro(1, ("de", 0.9, True)), joined_languages=("fr",))
    for result in (micro(0, ("de", 0.9, True)), joined, micro(2, ("fr", 0.5, True))):
        assembly.received(0, result)
    assert assembly.chunk_done(0, 3 * MICRO).to_repeat
    assert ledger.received_starts(0) == [0]
