"""Text for sounds in which nobody speaks; there must be none: `python -m benchmarks.silence`."""

import argparse
import asyncio
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks.arguments import PeersParser
from benchmarks.checks import Check, checks_table
from benchmarks.jobs import Job, Outcome, transcribe_all
from benchmarks.machine import this_machine
from benchmarks.peer_process import PeerError
from benchmarks.peers import BATCHED, FANSCRIBE, PEERS
from benchmarks.sounds import SoundError, make_sounds
from benchmarks.table import markdown, write_json
from benchmarks.weights import find_weights
from fanscribe.inference.errors import SetupError

_EXCERPT: Final = 60  # characters of text in a table


def main() -> None:
    """Run the benchmark; exits with 1 if a peer fails or fanscribe returned any text."""
    arguments = _arguments()
    try:
        with TemporaryDirectory(prefix="fanscribe-silence-") as folder:
            checks = asyncio.run(_benchmark(arguments, Path(folder)))
    except (PeerError, SetupError, SoundError) as error:
        sys.exit(f"benchmark: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
    print(f"\n{checks_table(checks)}")
    if not (arguments.no_bounds or all(check.holds for check in checks)):
        sys.exit("benchmark: there is text where nobody speaks, see the table")


async def _benchmark(arguments: argparse.Namespace, folder: Path) -> list[Check]:
    sounds = make_sounds(folder, 60 * arguments.minutes)
    checks: list[Check] = []
    content: dict[str, object] = {"machine": asdict(this_machine()), "minutes": arguments.minutes}
    for weights in [find_weights(name) for name in arguments.model]:
        jobs = [Job(path) for path in sounds.values()]
        found = {peer: await transcribe_all(peer, weights, jobs) for peer in arguments.peer}
        print(f"\n{weights.name}: {arguments.minutes:g} minutes of each\n")
        print(_table(list(sounds), found), flush=True)
        checks += _checks(weights.name, list(sounds), found[FANSCRIBE])
        content[weights.name] = _kept(list(sounds), found)
        content["checks"] = [check.to_json() for check in checks]
        write_json(arguments.json, content)
    return checks


def _table(sounds: Sequence[str], found: Mapping[str, Sequence[Outcome]]) -> str:
    headings = ("", *(f"{what}{peer}" for peer in found for what in ("words, ", "text, ")))
    rows = [
        (name, *(cell for outcomes in found.values() for cell in _cells(outcomes[number])))
        for number, name in enumerate(sounds)
    ]
    return markdown(headings, rows)


def _cells(outcome: Outcome) -> tuple[str, str]:
    text = outcome.error or " ".join(outcome.transcription.text.split()).replace("|", "/")
    short = text if len(text) <= _EXCERPT else f"{text[:_EXCERPT]}..."
    return str(len(outcome.transcription.text.split())), short


def _checks(model: str, sounds: Sequence[str], outcomes: Sequence[Outcome]) -> list[Check]:
    return [
        Check(
            f"{model}, {name}: {'words' if not outcome.error else outcome.error}",
            len(outcome.transcription.text.split()) if not outcome.error else 1,
            0,
            "max",
        )
        for name, outcome in zip(sounds, outcomes, strict=True)
    ]


def _kept(
    sounds: Sequence[str], found: Mapping[str, Sequence[Outcome]]
) -> dict[str, dict[str, str]]:
    return {
        name: {
            peer: outcomes[number].error or outcomes[number].transcription.text
            for peer, outcomes in found.items()
        }
        for number, name in enumerate(sounds)
    }


def _arguments() -> argparse.Namespace:
    parser = PeersParser("silence", __doc__, choices=PEERS, chosen=[FANSCRIBE, BATCHED])
    parser.add_argument("--minutes", type=float, default=10, help="of each sound (default: 10)")
    return parser.parse_peers()


if __name__ == "__main__":
    main()
