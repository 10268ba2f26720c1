"""How weights hear best; benchmarks/README.md tells what that follows from."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

from fanscribe.inference.digests import sha256_of
from fanscribe.inference.settings import InferenceSettings
from fanscribe.inference.weights import PACKAGED


@dataclass(frozen=True)
class Hearing:
    """What differs between weights; the defaults are good for any."""

    # English text of a lower average log-probability is decoded again with beams. 0: all of it is
    # decoded with beams at once.
    sure_logprob: float = -0.5
    # Samples from frame to frame of the spectrograms. Whisper was trained with 160; with more,
    # speech sounds faster, but no higher.
    hop_samples: int = 160
    # How many, wherever text is not decoded greedily.
    beams: int = 5
    # The same for other languages, of which Whisper has heard less.
    foreign_sure_logprob: float = -0.3
    foreign_hop_samples: int = 160
    foreign_beams: int = 5


# By SHA-256 of model.bin: weights are the same wherever they come from.
KNOWN: Final = {
    PACKAGED["tiny.en"].sha256: Hearing(sure_logprob=-0.4, hop_samples=168),
    PACKAGED["base"].sha256: Hearing(
        foreign_sure_logprob=0.0, foreign_hop_samples=170, foreign_beams=12
    ),
}


def hearing_of(settings: InferenceSettings, weights: Path | None) -> Hearing:
    """What the settings ask for; where they ask for nothing, what suits the weights."""
    best = Hearing()
    if weights is not None:
        best = KNOWN.get(sha256_of(weights / "model.bin", settings.cache_dir.expanduser()), best)
    asked = {name: getattr(settings, name) for name in asdict(best)}
    return replace(best, **{name: value for name, value in asked.items() if value is not None})
