"""The language of a recording: detected once, from the first speech in it."""

from dataclasses import dataclass
from typing import Final

from fanscribe.media.timeline import samples_of_s
from fanscribe.orchestrator.ledger import MicroResult
from fanscribe.orchestrator.merger import Merger

# Decided as soon as a language has so much speech, weighted by the probability that it is this
# language: more than one micro chunk of the usual length, and no more than the first few.
ENOUGH_SAMPLES: Final = samples_of_s(30)
# And this share of all there was.
CLEAR_SHARE: Final = 0.75
# Whatever the shares are, decided after so much speech.
LATEST_SAMPLES: Final = samples_of_s(180)
# A model that knows one language only is certain.
_CERTAIN: Final = 1.0


class LanguageVotes:
    """Micro results vote in time order, whatever order they come in, until it is decided.

    So the decision depends on the recording, not on who was faster. Who heard no words has no vote:
    noise sounds like any language.
    """

    def __init__(self) -> None:
        self.decided = ""
        self._in_order = Merger()
        self._speech_samples = 0
        self._weights: dict[str, float] = {}  # in order of appearance

    def add(self, result: MicroResult) -> None:
        """Take a micro result that was not taken before, silence too."""
        for following in self._in_order.add(result):
            if following.segments and not self.decided:
                self._count(following)

    @property
    def leader(self) -> str:
        """The language with most votes, of equals the one heard first; empty without votes."""
        return max(self._weights, key=lambda one: self._weights[one], default="")

    def _count(self, result: MicroResult) -> None:
        weight = result.speech_samples * result.language_probability
        self._weights[result.language] = self._weights.get(result.language, 0) + weight
        self._speech_samples += result.speech_samples
        most, total = max(self._weights.values()), sum(self._weights.values())
        if (
            result.language_probability >= _CERTAIN
            or (most >= ENOUGH_SAMPLES and most >= CLEAR_SHARE * total)
            or self._speech_samples >= LATEST_SAMPLES
        ):
            self.decided = self.leader


@dataclass(frozen=True)
class Verdict:
    """Whether a micro result of a macro chunk counts, or must be made again."""

    index: int  # of the macro chunk
    result: MicroResult
    accepted: bool


class LanguageGate:
    """Holds micro results back until the language is decided; then those in another are rejected.

    Where the caller has given a language, or wants every micro chunk in its own, all pass at once.
    """

    def __init__(self, language: str) -> None:
        """`language` is the caller's; empty: detect it."""
        self.language = language  # what splitters are told: empty until it is decided
        self._detects = not language
        self._votes = LanguageVotes()
        self._withheld: list[tuple[int, MicroResult]] = []
        self._rejected_starts: set[int] = set()

    def add(self, index: int, result: MicroResult) -> list[Verdict]:
        """Take a micro result of macro chunk `index`; return the verdicts that can be given now."""
        if self.language:
            return [self._verdict(index, result)]
        self._votes.add(result)
        if result.language:
            self._withheld.append((index, result))
            return self._decide(self._votes.decided)
        return [Verdict(index, result, accepted=True), *self._decide(self._votes.decided)]

    def close(self) -> list[Verdict]:
        """Decide, if it is not decided: all of the recording was heard."""
        if leader := self._votes.leader:
            return self._decide(leader)
        # Nobody heard a word in any language.
        withheld, self._withheld = self._withheld, []
        return [Verdict(index, result, accepted=True) for index, result in withheld]

    def _decide(self, language: str) -> list[Verdict]:
        if self.language or not language:
            return []
        self.language = language
        withheld, self._withheld = self._withheld, []
        return [self._verdict(index, result) for index, result in withheld]

    def _verdict(self, index: int, result: MicroResult) -> Verdict:
        start = result.span.start_sample
        # Once for each: who was told the language has answered in it, whatever the answer says.
        accepted = (
            not self._detects
            or {result.language, *result.joined_languages} <= {"", self.language}
            or start in self._rejected_starts
        )
        if not accepted:
            self._rejected_starts.add(start)
        return Verdict(index, result, accepted)
