"""Recordings that change their language midway: both languages must come back."""

from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.checks import Check
from benchmarks.jobs import Job, transcriptions
from benchmarks.peer import MULTI, Options, Transcription
from benchmarks.peers import BATCHED, FANSCRIBE
from benchmarks.recordings import SHARED_SPEECH, read_tsv
from benchmarks.scoring import WordErrors, word_errors
from benchmarks.table import markdown
from benchmarks.weights import Weights
from fanscribe.media.timeline import SAMPLE_RATE
from tests.support.audio import decode, write_wav

_PAIRS: Final = (("de", "fr"), ("es", "pt"), ("fr", "es"))
_CLIPS: Final = 3  # of each language, in turn
_GAP: Final = np.zeros(round(1.0 * SAMPLE_RATE), np.int16)


async def score_changes(weights: Weights, folder: Path) -> tuple[str, dict[str, Any], list[Check]]:
    """Return a table, what it was made from, and the bounds. Raises PeerError."""
    made = {f"{one} and {other}": _alternating(one, other, folder) for one, other in _PAIRS}
    jobs = [Job(path, Options(language=MULTI)) for path, _ in made.values()]
    found = {peer: await transcriptions(peer, weights, jobs) for peer in (FANSCRIBE, BATCHED)}
    rows, kept, checks = [], {}, []
    for number, (pair, (name, (_, words))) in enumerate(zip(_PAIRS, made.items(), strict=True)):
        ours, theirs = (found[peer][number] for peer in (FANSCRIBE, BATCHED))
        our_errors, their_errors = (word_errors(words, one.text, pair[0]) for one in (ours, theirs))
        heard = {segment.language for segment in ours.segments}
        rows.append(
            (
                name,
                f"{our_errors.rate:.1%}",
                ", ".join(sorted(heard)) or "none",
                f"{their_errors.rate:.1%}",
            )
        )
        kept[name] = {
            "heard": sorted(heard),
            FANSCRIBE: _kept(our_errors, ours),
            BATCHED: _kept(their_errors, theirs),
        }
        checks += [
            Check(f"{name}: languages kept", len(heard & set(pair)), len(pair), "min"),
            Check(
                f"{name}: errors, against {BATCHED}, %",
                100 * our_errors.rate,
                100 * their_errors.rate,
                "max",
            ),
        ]
    table = markdown(("recording", "WER fanscribe", "languages", f"WER {BATCHED}"), rows)
    return table, kept, checks


def _alternating(one: str, other: str, folder: Path) -> tuple[Path, str]:
    """Join clips of two languages in turn; returns the recording and its words."""
    rows = read_tsv(SHARED_SPEECH / "multilingual" / "manifest.tsv")
    by_language = {
        language: [row for row in rows if row["path"].startswith(f"{language}/")][:_CLIPS]
        for language in (one, other)
    }
    turns = [row for both in zip(*by_language.values(), strict=True) for row in both]
    pieces = [
        piece
        for row in turns
        for piece in (decode(SHARED_SPEECH / "multilingual" / row["path"]), _GAP)
    ]
    path = write_wav(folder / f"{one}_{other}.wav", np.concatenate(pieces))
    return path, " ".join(row["transcript"] for row in turns)


def _kept(errors: WordErrors, transcription: Transcription) -> dict[str, Any]:
    return {"rate": errors.rate, **vars(errors), "text": transcription.text}
