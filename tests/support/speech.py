"""Recordings of speech whose words are known, and how well a text meets them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import jiwer
import numpy as np
from numpy.typing import NDArray
from whisper_normalizer.english import EnglishTextNormalizer

from fanscribe.media.timeline import SAMPLE_RATE
from tests.support.audio import Clip, decode, encode, english_clips, write_wav

_LONG: Final = Path(__file__).parents[3] / "shared/speech/long"
_ONE_READER: Final = "ljspeech_LJ001_0001-0032"
_GAP: Final = np.zeros(round(0.5 * SAMPLE_RATE), np.int16)

# For machines without the shared recordings, beside Debian's five clips: read by a synthetic voice.
# Jane Austen, "Sense and Sensibility" (1811), the beginning.
_BOOK: Final = """
The family of Dashwood had long been settled in Sussex.
Their estate was large, and their residence was at Norland Park, in the centre of their property,
where, for many generations, they had lived in so respectable a manner as to engage the general
good opinion of their surrounding acquaintance.
The late owner of this estate was a single man, who lived to a very advanced age, and who for many
years of his life had a constant companion and housekeeper in his sister.
But her death, which happened ten years before his own, produced a great alteration in his home.
For to supply her loss, he invited and received into his house the family of his nephew, the legal
inheritor of the Norland estate, and the person to whom he intended to bequeath it.
In the society of his nephew and niece, and their children, the old gentleman's days were
comfortably spent.
His attachment to them all increased.
The constant attention to his wishes, which proceeded not merely from interest, but from goodness
of heart, gave him every degree of solid comfort which his age could receive.
And the cheerfulness of the children added a relish to his existence.
By a former marriage, he had one son, and by his present lady, three daughters.
The son, a steady respectable young man, was amply provided for by the fortune of his mother, which
had been large, and half of which devolved on him on his coming of age.
By his own marriage, likewise, which happened soon afterwards, he added to his wealth.
To him therefore the succession to the estate was not so really important as to his sisters.
Their fortune, independent of what might arise to them from their father's inheriting that
property, could be but small.
Their mother had nothing, and their father only seven thousand pounds in his own disposal.
The old gentleman died, his will was read, and like almost every other will, gave as much
disappointment as pleasure.
He was neither so unjust, nor so ungrateful, as to leave his estate from his nephew.
But he left it to him on such terms as destroyed half the value of the bequest.
His son was sent for as soon as his danger was known, and to him he recommended, with all the
strength and urgency which illness could command, the interest of his mother and sisters.
He had not the strong feelings of the rest of the family, but he was affected by a recommendation
of such a nature at such a time, and he promised to do everything in his power to make them
comfortable.
His father was rendered easy by such an assurance.
No sooner was his father's funeral over, than his wife, without sending any notice of her intention,
arrived with her child and their attendants.
No one could dispute her right to come, for the house was her husband's from the moment of his
father's decease.
So acutely did the lady feel this ungracious behaviour, that, on the arrival of the latter, she
would have quitted the house for ever.
But the entreaty of her eldest girl induced her first to reflect on the propriety of going, and her
own tender love for all her three children determined her afterwards to stay.
Elinor, this eldest daughter, whose advice was so effectual, possessed a strength of understanding,
and coolness of judgment, which qualified her, though only nineteen, to be the counsellor of her
mother.
She had an excellent heart, her disposition was affectionate, and her feelings were strong, but she
knew how to govern them.
It was a knowledge which her mother had yet to learn, and which one of her sisters had resolved
never to be taught.
"""


@dataclass(frozen=True)
class Recording:
    """A recording and its words."""

    path: Path
    transcript: str


def minutes_of_speech(folder: Path) -> Recording:
    """About four minutes of English, read by one person where the shared folder is."""
    shared = _LONG / f"{_ONE_READER}.flac"
    if shared.is_file():
        return Recording(shared, shared.with_suffix(".txt").read_text())
    return _joined(folder / "minutes.flac", _passages())


def short_recordings(folder: Path) -> list[Recording]:
    """Four different recordings of about 50 s each, in four formats."""
    formats = {
        "first.mp3": ["-ar", "44100", "-b:a", "96k"],
        "second.m4a": ["-ar", "44100"],
        "third.ogg": ["-c:a", "libopus"],
        "fourth.flac": [],
    }
    passages = _passages()
    return [
        _joined(folder / name, _first_s(passages[number :: len(formats)], 50), *options)
        for number, (name, options) in enumerate(formats.items())
    ]


def word_error_rate(reference: str, text: str) -> float:
    """Share of words that are wrong, missing or too many, after Whisper's English normaliser."""
    normal = EnglishTextNormalizer()
    return float(jiwer.wer(normal(reference), normal(text)))


Passage = tuple[NDArray[np.int16], str]


@cache
def _passages() -> tuple[Passage, ...]:
    """Clips as audio and words: clean speech, many short pieces."""
    if _LONG.is_dir():
        clean = [clip for clip in english_clips() if "librispeech_train" in str(clip.path)]
        return tuple(_heard(clip) for clip in clean)
    return (*map(_heard, english_clips()), *_spoken_book())


def _heard(clip: Clip) -> Passage:
    return decode(clip.path), clip.transcript


def _spoken_book() -> Iterator[Passage]:
    from hibari import Hibari

    voice = Hibari()
    with TemporaryDirectory() as folder:
        spoken = Path(folder) / "sentence.wav"
        for sentence in re.findall(r"[^.]+[.]", " ".join(_BOOK.split())):
            voice.save(sentence, str(spoken), seed=1)
            yield decode(spoken), sentence


def _first_s(passages: tuple[Passage, ...], duration_s: float) -> tuple[Passage, ...]:
    """As many passages as it takes to fill `duration_s`."""
    samples = np.cumsum([len(audio) for audio, _ in passages])
    return passages[: int(np.searchsorted(samples, duration_s * SAMPLE_RATE)) + 1]


def _joined(target: Path, passages: tuple[Passage, ...], *options: str) -> Recording:
    audio = [piece for heard, _ in passages for piece in (heard, _GAP)]
    wav = write_wav(target.with_suffix(".wav"), np.concatenate(audio))
    encode(wav, target, *options)
    wav.unlink()
    return Recording(target, " ".join(words for _, words in passages))
