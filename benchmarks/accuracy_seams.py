"""Seams: what other cuts change, and words that a cut fell in."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.checks import Check
from benchmarks.jobs import Job, transcriptions
from benchmarks.peer import Options, Transcription
from benchmarks.peers import BATCHED, FANSCRIBE, SEQUENTIAL, WHISPERX
from benchmarks.recordings import SHARED_SPEECH, Recording, read_tsv
from benchmarks.scoring import NO_ERRORS, WordErrors, errors_after, found_words, words_of
from benchmarks.table import markdown
from benchmarks.weights import Weights
from benchmarks.windows import planned_windows
from fanscribe.media.timeline import SAMPLE_RATE, ms_of
from tests.support.audio import decode, write_wav

# What comes before the recording moves every cut in it: speech of about so many seconds, which
# packs into windows with what follows, or silence, which moves the bounds of macro chunks alone.
_SPEECH_S: Final = (3.0, 6.0, 9.0)
_SILENCE_S: Final = (7.0,)
_GAP_S: Final = 0.6
_SPREAD: Final = 0.3  # points of word error rate
# Something before it moves the cuts of all of these. A peer's error rate on one recording owes
# points to where its cuts happen to fall: only over all recordings can two be compared.
COMPARED: Final = (FANSCRIBE, BATCHED, WHISPERX)
# A word whose start or end is this near to a cut has the cut in it: times are not more exact.
_IN_WORD_MS: Final = 100
# Nor is one that is in so much softer sound than the loudest of the word, for 100 ms: the peer's
# times of a word take in the pause before it.
_SOFTER_DB: Final = 15
_SOUND_MS: Final = 100


@dataclass(frozen=True)
class Shift:
    """A recording with something before it, and the errors in the recording itself."""

    name: str
    errors: dict[str, WordErrors]  # by peer, of COMPARED


@dataclass(frozen=True)
class Seams:
    """What cuts did to one recording."""

    shifts: list[Shift]  # the first one has nothing before it
    cuts: int
    words_cut: int  # words of the reference, found by the peer, with a cut in them
    words_lost: list[str]  # those of them that fanscribe did not find

    def spread(self, peer: str) -> float:
        """Greatest change of a peer's word error rate, in points."""
        rates = [shift.errors[peer].rate for shift in self.shifts]
        return 100 * max(abs(rate - rates[0]) for rate in rates)

    def errors(self, peer: str) -> WordErrors:
        """All of a peer's errors together."""
        return sum((shift.errors[peer] for shift in self.shifts), NO_ERRORS)


async def find_seams(weights: Weights, recording: Recording, folder: Path) -> Seams:
    """Transcribe a recording with every preface. Raises PeerError."""
    samples = decode(recording.path)
    prefaces = [("as it is", np.empty(0, np.int16), ""), *_prefaces()]
    paths = [recording.path]
    for number, (_, preface, _) in enumerate(prefaces[1:]):
        paths.append(
            write_wav(folder / f"shifted_{number}.wav", np.concatenate((preface, samples)))
        )
    jobs = [Job(path) for path in paths]
    texts = {
        peer: [one.text for one in await transcriptions(peer, weights, jobs)] for peer in COMPARED
    }
    timed = Job(recording.path, Options(word_timestamps=True))
    theirs = (await transcriptions(SEQUENTIAL, weights, [timed]))[0]
    chunks = await planned_windows(recording.path)
    starts = {chunk.audio_start_sample for chunk in chunks}
    ends = {chunk.audio_start_sample + len(chunk.audio) for chunk in chunks}
    cuts_ms = sorted(map(ms_of, starts | ends))
    cut, lost = _cut_words(
        recording.reference,
        texts[FANSCRIBE][0],
        theirs,
        lambda start_ms, end_ms: any(
            _falls_in(samples, at_ms, start_ms, end_ms) for at_ms in cuts_ms
        ),
    )
    shifts = [
        Shift(
            name,
            {
                peer: errors_after(recording.reference, of_peer[number], words)
                for peer, of_peer in texts.items()
            },
        )
        for number, (name, _, words) in enumerate(prefaces)
    ]
    return Seams(shifts, len(cuts_ms), cut, lost)


def seams_table(seams: Seams) -> str:
    """Render the errors with each preface."""
    together = Shift("all together", {peer: seams.errors(peer) for peer in COMPARED})
    rows = [
        (shift.name, *(str(shift.errors[peer]) for peer in COMPARED))
        for shift in [*seams.shifts, together]
    ]
    rows.append(("greatest change, points", *(f"{seams.spread(peer):.2f}" for peer in COMPARED)))
    told = f"{seams.cuts} ends of windows; {seams.words_cut} words with one in them."
    if seams.words_lost:
        told += f" Lost: {', '.join(seams.words_lost)}."
    return f"{markdown(('before it', *COMPARED), rows)}\n\n{told}"


def seam_checks(name: str, seams: Seams) -> list[Check]:
    """Bounds for fanscribe's cuts."""
    return [
        Check(
            f"{name}: change of WER with other cuts, points",
            seams.spread(FANSCRIBE),
            _SPREAD,
            "max",
        ),
        Check(
            f"{name}: WER over all cuts, % ({WHISPERX} at most)",
            100 * seams.errors(FANSCRIBE).rate,
            100 * seams.errors(WHISPERX).rate,
            "max",
        ),
        Check(f"{name}: words lost to a cut", len(seams.words_lost), 0, "max"),
    ]


def _prefaces() -> list[tuple[str, NDArray[np.int16], str]]:
    """Name, samples and words of what comes before."""
    rows = read_tsv(SHARED_SPEECH / "dev" / "manifest.tsv")
    clips = [row for row in rows if row["path"].startswith("ljspeech/")]
    gap = np.zeros(round(_GAP_S * SAMPLE_RATE), np.int16)
    found = []
    for wanted_s in _SPEECH_S:
        row = min(clips, key=lambda clip: abs(float(clip["duration_s"]) - wanted_s))
        spoken = decode(SHARED_SPEECH / "dev" / row["path"])
        samples = np.concatenate((spoken, gap))
        seconds = len(samples) / SAMPLE_RATE
        found.append((f"{seconds:.1f} s of speech", samples, row["transcript"]))
    return found + [
        (f"{seconds:.1f} s of silence", np.zeros(round(seconds * SAMPLE_RATE), np.int16), "")
        for seconds in _SILENCE_S
    ]


def _cut_words(
    reference: str, ours: str, theirs: Transcription, is_cut: Callable[[int, int], bool]
) -> tuple[int, list[str]]:
    """Count words of the reference with a cut in them; list those that only the peer found.

    `is_cut` tells it of a word that is said from one time to another, in milliseconds.
    """
    heard = [
        (word, timed.start_ms, timed.end_ms)
        for segment in theirs.segments
        for timed in segment.words
        for word in words_of(timed.text)
    ]
    spoken = words_of(reference)
    by_peer = found_words(spoken, [word for word, _, _ in heard])
    by_us = found_words(spoken, words_of(ours))
    cut, lost = 0, []
    for word, peer_index, our_index in zip(spoken, by_peer, by_us, strict=True):
        if peer_index is None:
            continue
        _, start_ms, end_ms = heard[peer_index]
        if is_cut(start_ms, end_ms):
            cut += 1
            if our_index is None:
                lost.append(f"{word} ({start_ms / 1000:.1f} s)")
    return cut, lost


def _falls_in(samples: NDArray[np.int16], at_ms: int, start_ms: int, end_ms: int) -> bool:
    """Whether a cut falls in what is said from `start_ms` to `end_ms`."""
    if not start_ms + _IN_WORD_MS <= at_ms <= end_ms - _IN_WORD_MS:
        return False
    middles_ms = range(start_ms + _SOUND_MS // 2, end_ms - _SOUND_MS // 2 + 1, _SOUND_MS // 2)
    loudest = max(_power(samples, middle_ms) for middle_ms in middles_ms)
    return _power(samples, at_ms) * 10 ** (_SOFTER_DB / 10) >= loudest


def _power(samples: NDArray[np.int16], middle_ms: int) -> float:
    """Mean square of the sound around a time."""
    first, last = (
        max(0, ms) * SAMPLE_RATE // 1000
        for ms in (middle_ms - _SOUND_MS // 2, middle_ms + _SOUND_MS // 2)
    )
    return float(np.square(samples[first:last], dtype=np.float64).mean())
