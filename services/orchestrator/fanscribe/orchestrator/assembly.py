"""Micro results in any order and language become one text, in order and in its own language."""

from dataclasses import dataclass

from fanscribe.orchestrator.language import LanguageGate, Verdict
from fanscribe.orchestrator.ledger import Ledger, MicroResult, TextSegment
from fanscribe.orchestrator.merger import Merger
from fanscribe.orchestrator.planner import MacroChunk


@dataclass(frozen=True)
class Gain:
    """What is known since something arrived."""

    accepted: list[MicroResult]
    segments: list[TextSegment]  # the text's next ones
    language_decided: bool  # just now
    to_repeat: list[MacroChunk]  # in order; some of their text was in another language


class Assembly:
    """The text of one recording."""

    def __init__(self, ledger: Ledger, language: str) -> None:
        """`language` is the caller's; empty: detect one for all."""
        self._ledger = ledger
        self._gate = LanguageGate(language)
        self._merger = Merger()

    @property
    def language(self) -> str:
        """What splitters are told; empty while it is not decided."""
        return self._gate.language

    def received(self, index: int, result: MicroResult) -> Gain:
        """Take a micro result of macro chunk `index`; one that is known already changes nothing."""
        before = self.language
        verdicts = self._gate.add(index, result) if self._ledger.received(index, result) else []
        return self._gain(before, verdicts, set())

    def chunk_done(self, index: int, end_sample: int) -> Gain:
        """Take it that an attempt at a chunk is done; raises FanscribeError if text is missing."""
        before = self.language
        self._ledger.finished(index, end_sample)
        verdicts = self._gate.close() if self._ledger.heard else []
        return self._gain(before, verdicts, {index})

    def _gain(self, before: str, verdicts: list[Verdict], to_check: set[int]) -> Gain:
        """Apply verdicts; chunks `to_check` may have to be repeated, and those of rejections."""
        accepted: list[MicroResult] = []
        for verdict in verdicts:
            if verdict.accepted:
                self._ledger.accepted(verdict.index, verdict.result)
                accepted.append(verdict.result)
            else:
                self._ledger.rejected(verdict.index, verdict.result)
                to_check.add(verdict.index)
        freed = [following for result in accepted for following in self._merger.add(result)]
        reopened = [self._ledger.reopened(index) for index in sorted(to_check)]
        return Gain(
            accepted=accepted,
            segments=[segment for result in freed for segment in result.segments if segment.text],
            language_decided=self.language != before,
            to_repeat=[chunk for chunk in reopened if chunk is not None],
        )
