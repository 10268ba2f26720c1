"""Holds hypotheses to account: what seems wrong or missing is decoded again.

Everything here is about one window. What it wants of the decoder it yields, and is sent the answer;
so windows that wait for the same kind of thing can be served together, whatever each is about.
"""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from typing import Any, Final, TypeVar

from fanscribe_whisper import guards, loops
from fanscribe_whisper.decoder import MAX_POSITIONS, Alignment
from fanscribe_whisper.excerpts import FULL_PADDING, Excerpt, Padding, Window, whole
from fanscribe_whisper.hypothesis import GREEDY, Hypothesis, Search
from fanscribe_whisper.segments import segments_of
from fanscribe_whisper.tuning import Tuning
from fanscribe_whisper.vocabulary import Vocabulary
from fanscribe_whisper.wants import Aligning, Decoding, Want

# What failed with all beams may not repeat itself: no run of so many tokens.
UNREPEATED_TOKENS: Final = 4
# More leaves the decoder no positions to go on with.
MOST_KNOWN: Final = MAX_POSITIONS - 48

T = TypeVar("T")
# Yields what is wanted, is sent its answer, and returns what came of it.
Asking = Generator[Want, Any, T]


class Scrutiny:
    """How windows are listened to."""

    def __init__(self, vocabulary: Vocabulary, tuning: Tuning) -> None:
        self._vocabulary = vocabulary
        self._tuning = tuning

    def heard(self, window: Window) -> Asking[list[Hypothesis]]:
        """Find out what is said in a window, in order."""
        search = self._first_search(window.options.language)
        first = yield from self._decoded(whole(window), search)
        if not self._tuning.guards:
            return [first]
        first = yield from self._in_its_language(first)
        best = yield from self._rescued((yield from self._settled(first)))
        best = yield from self._continued(best)
        found = [best]
        # Speech without text is looked at again.
        for hole in self._holes(best):
            again = yield from self._settled(
                (yield from self._decoded(hole, self._beams(best.language)))
            )
            if again.text and not (guards.silent(again) or self._failed(again)):
                found.append(again)
        return sorted(found, key=lambda one: one.excerpt.start_ms)

    def aligned(self, heard: list[Hypothesis]) -> Asking[dict[Hypothesis, Alignment]]:
        """Find out when the words were said of all that have any and whose request wants that."""
        alignments: dict[Hypothesis, Alignment] = {}
        for hypothesis in heard:
            wanted = hypothesis.excerpt.window.options.word_timestamps
            if wanted and hypothesis.text and not guards.silent(hypothesis):
                alignments[hypothesis] = yield Aligning(hypothesis)
        return alignments

    def _in_its_language(self, first: Hypothesis) -> Asking[Hypothesis]:
        """Listen once more, if the language that was found is one to be heard in another way."""
        hop_samples = self._tuning.hearing(first.language).hop_samples
        window = first.excerpt.window
        if hop_samples == window.hop_samples or guards.silent(first):
            return first
        again = whole(replace(window, hop_samples=hop_samples))
        known = replace(again, language=(first.language, first.language_probability))
        return (yield from self._decoded(known, self._first_search(first.language)))

    def _settled(self, best: Hypothesis) -> Asking[Hypothesis]:
        """Cut off a loop, decode again what is not sure, and keep the best.

        Without the prompt, if that is all there is; and with beams, from the encoder's output.
        """
        best = self._without_loop(best)
        if _echoing(best):
            unprompted = best.excerpt_again(prompt=[])
            best = self._better(best, (yield from self._decoded(unprompted, GREEDY)))
        unsure = guards.unsure(best, self._tuning.hearing(best.language).sure_logprob)
        doubted = self._failed(best) or unsure or loops.ends_as_before(best)
        if best.search == GREEDY and doubted:
            search = self._beams(best.language)
            again = Decoding(best.excerpt_again(), best.encoded.frames, search, best)
            best = self._better(best, (yield from self._answer(again)))
        return best

    def _rescued(self, best: Hypothesis) -> Asking[Hypothesis]:
        """Decode again what failed for good, and keep the best.

        With full padding, as Whisper was trained; at last with repeats forbidden. That is dear, and
        finds nothing more in a stretch that has failed by itself.
        """
        beams = self._beams(best.language)
        for search in (beams, replace(beams, unrepeated_tokens=UNREPEATED_TOKENS)):
            if self._failed(best):
                second = yield from self._decoded(best.excerpt_again(), search, FULL_PADDING)
                best = self._better(best, second)
        return best

    def _continued(self, best: Hypothesis) -> Asking[Hypothesis]:
        """Go on where a text ends before the speech does, for as long as that finds words.

        The decoder likes to stop at a pause. What it hears when it may not knows what was said just
        before, unlike what is decoded by itself.
        """
        search = self._beams(best.language)
        while known := self._last_told(best):
            onward = Decoding(best.excerpt_again(), best.encoded.frames, search, best, known)
            more = yield from self._answer(onward)
            both = self._without_loop(self._joined(best, more, known), suspect=True)
            if more.avg_logprob < guards.FAILED_MORE_LOGPROB or not self._goes_on(best, both):
                break
            best = both
        return best

    def _last_told(self, best: Hypothesis) -> tuple[int, ...]:
        """Return the last segment of a text that ends early, to go on after; none if it does not.

        To give the decoder all of the text would take as long as it took to find it.
        """
        segments = segments_of(best, self._vocabulary)
        if guards.silent(best) or not segments:
            return ()
        last, end_ms = segments[-1], guards.early_end_ms(best.excerpt, segments)
        if end_ms is None:
            return ()
        begin, end = map(self._vocabulary.timestamp, (last.start_ms, end_ms))
        # The end of what was told is the beginning of what was not.
        known = (begin, *last.tokens, end, end)
        return known if len(best.excerpt.prompt) + len(known) < MOST_KNOWN else ()

    def _joined(self, first: Hypothesis, more: Hypothesis, known: Sequence[int]) -> Hypothesis:
        """Put together a text and what goes on after it; as sure as the two are on average."""
        told = list(first.tokens)
        while told[-1] >= self._vocabulary.timestamp_begin:
            told.pop()
        new = more.tokens[len(known) :]
        tokens = [*told, *known[-2:], *new]
        sum_logprob = first.avg_logprob * len(told) + more.avg_logprob * len(new)
        return replace(
            more,
            tokens=tokens,
            text=self._vocabulary.decode(tokens).strip(),
            avg_logprob=sum_logprob / (len(told) + len(new)),
        )

    def _goes_on(self, first: Hypothesis, both: Hypothesis) -> bool:
        """Whether the text of `both` has more to say than that of `first`, and can be trusted."""
        new = both.text[len(first.text) :]
        return (
            bool(new)
            and not guards.echoing(new, first.text)
            and not loops.looping(both, self._vocabulary)
        )

    def _decoded(
        self, excerpt: Excerpt, search: Search, padding: Padding | None = None
    ) -> Asking[Hypothesis]:
        frames = (padding or self._tuning.padding).frames(excerpt.audio_ms)
        return (yield from self._answer(Decoding(excerpt, frames, search)))

    def _answer(self, want: Decoding) -> Asking[Hypothesis]:
        hypothesis: Hypothesis = yield want
        guarded = self._tuning.guards
        return loops.within_audio(hypothesis, self._vocabulary) if guarded else hypothesis

    def _holes(self, hypothesis: Hypothesis) -> Iterator[Excerpt]:
        segments = segments_of(hypothesis, self._vocabulary)
        if guards.silent(hypothesis):
            segments = []
        for start_ms, end_ms in guards.holes(hypothesis.excerpt, segments):
            # All of it: it was looked at already.
            if segments or end_ms - start_ms < hypothesis.excerpt.audio_ms:
                yield hypothesis.excerpt_again(start_ms=start_ms, end_ms=end_ms)

    def _better(self, first: Hypothesis, second: Hypothesis) -> Hypothesis:
        suspect = loops.looping(first, self._vocabulary)
        second = self._without_loop(second, suspect=suspect)

        def quality(hypothesis: Hypothesis) -> tuple[bool, bool, bool, float]:
            believed = not (_echoing(hypothesis) or loops.looping(hypothesis, self._vocabulary))
            complete = not guards.sparse(hypothesis)
            fresh = not loops.ends_as_before(hypothesis)
            return believed, complete, fresh, hypothesis.avg_logprob

        return max(first, second, key=quality)

    def _without_loop(self, hypothesis: Hypothesis, *, suspect: bool = False) -> Hypothesis:
        if not (suspect or loops.looping(hypothesis, self._vocabulary)):
            return hypothesis
        return loops.without_loop(hypothesis, self._vocabulary) or hypothesis

    def _first_search(self, language: str) -> Search:
        """With beams at once where nothing would be sure without."""
        return GREEDY if self._tuning.hearing(language).sure_logprob < 0 else self._beams(language)

    def _beams(self, language: str) -> Search:
        """The search with several beams, as many as suit a language."""
        return Search(beams=self._tuning.hearing(language).beams)

    def _failed(self, hypothesis: Hypothesis) -> bool:
        return guards.failed(hypothesis, self._vocabulary)


def _echoing(hypothesis: Hypothesis) -> bool:
    prompted = bool(hypothesis.excerpt.prompt) and not guards.silent(hypothesis)
    return prompted and guards.echoing(
        hypothesis.text, hypothesis.excerpt.window.options.initial_prompt
    )
