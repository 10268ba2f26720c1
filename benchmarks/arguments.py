"""What benchmarks of fanscribe beside its peers are asked alike on the command line."""

import argparse
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Final

from benchmarks.peers import FANSCRIBE

_RESULTS: Final = Path(__file__).with_name("results")
_MODELS: Final = ("tiny.en", "base")


class PeersParser(argparse.ArgumentParser):
    """Asks which models and peers, whether bounds count, and where results go.

    `choices` are the peers there are, `chosen` those taken by default, `required` those without
    which there is nothing to compare.
    """

    def __init__(
        self,
        benchmark: str,
        description: str | None,
        *,
        choices: Collection[str],
        chosen: Sequence[str],
        required: Sequence[str] = (FANSCRIBE,),
    ) -> None:
        super().__init__(prog=f"python -m benchmarks.{benchmark}", description=description)
        self._required = required
        self.add_argument(
            "--model",
            nargs="+",
            default=_MODELS,
            help=f"{', '.join(_MODELS)}, folders (default: both)",
        )
        self.add_argument(
            "--peer",
            nargs="+",
            choices=choices,
            default=chosen,
            help=f"beside whom (default: {', '.join(chosen)})",
        )
        self.add_argument(
            "--no-bounds", action="store_true", help="exit with 0 if a bound is missed"
        )
        self.add_argument(
            "--json",
            type=Path,
            default=_RESULTS / f"{benchmark}.json",
            help="file to write the results to",
        )

    def parse_peers(self) -> argparse.Namespace:
        """Parse the command line; one without the required peers ends the process."""
        arguments = self.parse_args()
        for peer in self._required:
            if peer not in arguments.peer:
                self.error(f"{peer} must be among the peers")
        return arguments
