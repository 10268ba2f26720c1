"""Holds hypotheses to account: what seems wrong or missing is decoded again."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from fanscribe_whisper import guards
from fanscribe_whisper.batches import FULL_PADDING, Excerpt, Padding, Window, batches
from fanscribe_whisper.decoder import GREEDY, Decoder, Search
from fanscribe_whisper.features import Floats
from fanscribe_whisper.hypothesis import Encoded, Hypothesis
from fanscribe_whisper.tuning import Tuning

BEAMS: Final = Search(beams=5)
# What failed with all beams may not repeat itself.
UNREPEATED: Final = Search(beams=5, unrepeated_tokens=4)

# Called between the steps of the work on a group; raises to end it.
Check = Callable[[], None]


class Scrutiny:
    """Decodes excerpts of one group of windows, and decodes again what fails."""

    def __init__(self, decoder: Decoder, tuning: Tuning, check: Check) -> None:
        self._decoder = decoder
        self._vocabulary = decoder.vocabulary
        self._tuning = tuning
        self._check = check

    def decoded(
        self, group: Sequence[Excerpt], features: Floats, search: Search = GREEDY
    ) -> list[Hypothesis]:
        """Decode a batch."""
        self._check()
        encoded = self._decoder.encode(features, self._tuning.encoder_size)
        self._check()
        return self._decoder.decode(group, encoded, search)

    def settled(self, hypotheses: Sequence[Hypothesis]) -> list[Hypothesis]:
        """Cut off loops, decode again what is not sure, and keep the best of each.

        First without the prompt, where that is all there is; then with several beams, from the
        encoder output at hand; what failed for good with full padding, as Whisper was trained; at
        last with repeats forbidden.
        """
        best = [self._without_loop(hypothesis) for hypothesis in hypotheses]
        self._improve(best, _echoing, self._unprompted)
        self._improve(best, self._unsure, self._with_beams)
        for search in (BEAMS, UNREPEATED):
            self._improve(best, self._failed, partial(self._anew, search=search))
        return best

    def accounted(self, hypotheses: Sequence[Hypothesis]) -> dict[Window, list[Hypothesis]]:
        """Look again at speech without text; returns what was heard in each window, in order."""
        heard = {hypothesis.excerpt.window: [hypothesis] for hypothesis in hypotheses}
        missed = [hole for hypothesis in hypotheses for hole in self._holes(hypothesis)]
        for found in self.settled(self._decode(missed, self._tuning.padding, GREEDY)):
            if found.text and not (guards.silent(found) or self._failed(found)):
                heard[found.excerpt.window].append(found)
        for several in heard.values():
            several.sort(key=lambda one: one.excerpt.start_ms)
        return heard

    def _holes(self, hypothesis: Hypothesis) -> list[Excerpt]:
        segments = guards.segments_of(hypothesis, self._vocabulary)
        if guards.silent(hypothesis):
            segments = []
        return [
            hypothesis.excerpt_again(start_ms=start_ms, end_ms=end_ms)
            for start_ms, end_ms in guards.holes(hypothesis.excerpt, segments)
            # All of it: it was looked at already.
            if segments or end_ms - start_ms < hypothesis.excerpt.audio_ms
        ]

    def _improve(
        self,
        best: list[Hypothesis],
        wanting: Callable[[Hypothesis], bool],
        again: Callable[[Sequence[Hypothesis]], Sequence[Hypothesis]],
    ) -> None:
        """Decode those again that are `wanting`, and put in what is better."""
        places = [place for place, hypothesis in enumerate(best) if wanting(hypothesis)]
        if not places:
            return
        self._check()
        for place, second in zip(places, again([best[place] for place in places]), strict=True):
            suspect = guards.looping(best[place], self._vocabulary)
            best[place] = self._better(best[place], self._without_loop(second, suspect=suspect))

    def _with_beams(self, hypotheses: Sequence[Hypothesis]) -> list[Hypothesis]:
        batched: dict[tuple[Encoded, int], list[Hypothesis]] = defaultdict(list)
        for hypothesis in hypotheses:
            batched[hypothesis.encoded, len(hypothesis.excerpt.prompt)].append(hypothesis)
        found = {
            first: second
            for batch in batched.values()
            for first, second in zip(batch, self._decoder.decode_again(batch, BEAMS), strict=True)
        }
        return [found[hypothesis] for hypothesis in hypotheses]

    def _unprompted(self, hypotheses: Sequence[Hypothesis]) -> list[Hypothesis]:
        excerpts = [hypothesis.excerpt_again(prompt=[]) for hypothesis in hypotheses]
        return self._decode(excerpts, self._tuning.padding, GREEDY)

    def _anew(self, hypotheses: Sequence[Hypothesis], search: Search) -> list[Hypothesis]:
        excerpts = [hypothesis.excerpt_again() for hypothesis in hypotheses]
        return self._decode(excerpts, FULL_PADDING, search)

    def _decode(
        self, excerpts: Sequence[Excerpt], padding: Padding, search: Search
    ) -> list[Hypothesis]:
        """Decode excerpts of any length; the hypotheses come in their order."""
        found: dict[Excerpt, Hypothesis] = {}
        for frames, group in batches(excerpts, padding, self._tuning.group_size):
            features = self._decoder.features(group, frames)
            found.update(zip(group, self.decoded(group, features, search), strict=True))
        return [found[excerpt] for excerpt in excerpts]

    def _without_loop(self, hypothesis: Hypothesis, *, suspect: bool = False) -> Hypothesis:
        if not (suspect or guards.looping(hypothesis, self._vocabulary)):
            return hypothesis
        return guards.without_loop(hypothesis, self._vocabulary) or hypothesis

    def _unsure(self, hypothesis: Hypothesis) -> bool:
        return self._failed(hypothesis) or (
            hypothesis.avg_logprob < guards.SURE_LOGPROB and not guards.silent(hypothesis)
        )

    def _failed(self, hypothesis: Hypothesis) -> bool:
        return guards.failed(hypothesis, self._vocabulary)

    def _better(self, first: Hypothesis, second: Hypothesis) -> Hypothesis:
        def quality(hypothesis: Hypothesis) -> tuple[bool, bool, float]:
            believed = not (_echoing(hypothesis) or guards.looping(hypothesis, self._vocabulary))
            return believed, not guards.sparse(hypothesis), hypothesis.avg_logprob

        return max(first, second, key=quality)


def _echoing(hypothesis: Hypothesis) -> bool:
    prompted = bool(hypothesis.excerpt.prompt) and not guards.silent(hypothesis)
    return prompted and guards.echoing(hypothesis, hypothesis.excerpt.window.options.initial_prompt)
