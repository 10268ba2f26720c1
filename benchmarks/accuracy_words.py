"""Word and character error rates by set of recordings, and the languages that were heard."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.checks import Check
from benchmarks.jobs import Job, transcriptions
from benchmarks.peer import Transcription
from benchmarks.peers import FANSCRIBE
from benchmarks.scoring import BY_CHARACTER, NO_ERRORS, WordErrors, word_errors
from benchmarks.speech_sets import SpeechSet
from benchmarks.table import markdown
from benchmarks.weights import Weights


@dataclass(frozen=True)
class SetScore:
    """What one peer made of one set."""

    peer: str
    errors: WordErrors
    right_language: int  # recordings
    texts: dict[str, str]  # by file name


Scores = dict[str, list[SetScore]]  # by set, a score for each peer


async def score_sets(weights: Weights, peers: Sequence[str], sets: Sequence[SpeechSet]) -> Scores:
    """Transcribe every recording by itself, none in a language that was told.

    Raises PeerError.
    """
    scores: Scores = {one.name: [] for one in sets}
    for peer in peers:
        jobs = [Job(recording.path) for one in sets for recording in one.recordings]
        found = iter(await transcriptions(peer, weights, jobs))
        for one in sets:
            scores[one.name].append(_score(peer, one, [next(found) for _ in one.recordings]))
    return scores


def _score(peer: str, one: SpeechSet, found: Sequence[Transcription]) -> SetScore:
    errors = NO_ERRORS
    for recording, transcription in zip(one.recordings, found, strict=True):
        errors += word_errors(recording.reference, transcription.text, one.language)
    return SetScore(
        peer,
        errors,
        sum(transcription.language == one.language for transcription in found),
        {
            recording.path.name: transcription.text
            for recording, transcription in zip(one.recordings, found, strict=True)
        },
    )


def words_table(sets: Sequence[SpeechSet], scores: Scores, peers: Sequence[str]) -> str:
    """Render error rates, and what they are made of."""
    headings = ("", "clips", "min", *peers, "S", "D", "I")
    return markdown(headings, [_row(one, scores[one.name]) for one in sets])


def languages_table(sets: Sequence[SpeechSet], scores: Scores, peers: Sequence[str]) -> str:
    """Render error rates and how many recordings were heard in the right language."""
    headings = ("", "rate", "clips", *(f"{what} {peer}" for peer in peers for what in ("", "lang")))
    return markdown(
        tuple(heading.strip() for heading in headings),
        [
            (
                one.name,
                "CER" if one.language in BY_CHARACTER else "WER",
                str(len(one.recordings)),
                *(
                    cell
                    for score in scores[one.name]
                    for cell in (f"{score.errors.rate:.1%}", str(score.right_language))
                ),
            )
            for one in sets
        ],
    )


def language_checks(sets: Sequence[SpeechSet], scores: Scores) -> list[Check]:
    """The right language for every clip; no rate above that of the best peer."""
    checks = []
    for one in sets:
        ours, *theirs = sorted(scores[one.name], key=lambda score: score.peer != FANSCRIBE)
        clips = len(one.recordings)
        checks.append(
            Check(f"{one.name}: clips in the right language", ours.right_language, clips, "min")
        )
        checks += [
            Check(
                f"{one.name}: errors, against {score.peer}, %",
                100 * ours.errors.rate,
                100 * score.errors.rate,
                "max",
            )
            for score in theirs
        ]
    return checks


def _row(one: SpeechSet, scores: Sequence[SetScore]) -> tuple[str, ...]:
    def parts(part: str) -> str:
        return " / ".join(str(getattr(score.errors, part)) for score in scores)

    return (
        one.name,
        str(len(one.recordings)),
        f"{one.minutes:.1f}",
        *(f"{score.errors.rate:.2%}" for score in scores),
        *map(parts, ("substitutions", "deletions", "insertions")),
    )


def scores_json(scores: Scores) -> dict[str, Any]:
    """Turn scores into what JSON can hold."""
    return {name: [_json(score) for score in of_set] for name, of_set in scores.items()}


def _json(score: SetScore) -> dict[str, Any]:
    return {
        "peer": score.peer,
        "rate": score.errors.rate,
        **vars(score.errors),
        "right_language": score.right_language,
        "texts": score.texts,
    }
