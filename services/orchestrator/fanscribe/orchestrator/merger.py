"""Puts micro results back in order, strictly by time."""

from fanscribe.orchestrator.ledger import MicroResult


class Merger:
    """Releases micro results as soon as everything before them is known."""

    def __init__(self) -> None:
        self._frontier_sample = 0
        self._waiting: dict[int, MicroResult] = {}  # by start sample

    def add(self, result: MicroResult) -> list[MicroResult]:
        """Take a micro result that was not taken before; return those that it frees."""
        self._waiting[result.span.start_sample] = result
        freed: list[MicroResult] = []
        while (following := self._waiting.pop(self._frontier_sample, None)) is not None:
            freed.append(following)
            self._frontier_sample = following.span.end_sample
        return freed
