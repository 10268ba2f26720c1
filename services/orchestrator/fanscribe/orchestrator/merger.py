"""Folds micro results back into one text, strictly in time order."""

from fanscribe.orchestrator.ledger import MicroResult, TextSegment


class Merger:
    """Releases segments as soon as everything before them is known."""

    def __init__(self) -> None:
        self._frontier_sample = 0
        self._waiting: dict[int, MicroResult] = {}  # by start sample

    def add(self, result: MicroResult) -> list[TextSegment]:
        """Take a micro result that was not taken before; return the segments that it frees."""
        self._waiting[result.span.start_sample] = result
        freed: list[TextSegment] = []
        while (following := self._waiting.pop(self._frontier_sample, None)) is not None:
            freed.extend(segment for segment in following.segments if segment.text)
            self._frontier_sample = following.span.end_sample
        return freed

    @property
    def frontier_sample(self) -> int:
        """All text before this sample has been released."""
        return self._frontier_sample
