"""The model's own engine, without Triton: the package that its Triton model runs."""

import inspect
import json
import sys
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.peer import Segment, Word
from benchmarks.windows import Cut

_PACKAGE_FOLDER: Final = Path(__file__).parents[1] / "services/inference/model_repository/whisper/1"


class Engine:
    """One engine of one thread. `knobs` are arguments of fanscribe_whisper's Transcriber."""

    def __init__(self, weights: Path, **knobs: object) -> None:
        if str(_PACKAGE_FOLDER) not in sys.path:
            sys.path.append(str(_PACKAGE_FOLDER))
        from fanscribe_whisper.decoder import Decoder  # noqa: PLC0415

        self._decoder: Any = Decoder(
            weights, device="cpu", device_index=0, compute_type="int8", threads=1
        )
        self.turn(**knobs)

    @property
    def knobs(self) -> Collection[str]:
        """Names of the knobs there are."""
        from fanscribe_whisper.transcriber import Transcriber  # noqa: PLC0415

        return inspect.signature(Transcriber).parameters.keys() - {"decoder"}

    def turn(self, **knobs: object) -> None:
        """Take other knobs, without loading the weights again. Raises UnknownKnobError."""
        from fanscribe_whisper.transcriber import Transcriber  # noqa: PLC0415

        if unknown := knobs.keys() - self.knobs:
            raise UnknownKnobError(f"this engine has no {', '.join(sorted(unknown))}")
        self._transcriber: Any = Transcriber(self._decoder, **knobs)

    def transcribe(self, cuts: Sequence[Cut], **options: object) -> list[dict[str, Any]]:
        """Transcribe windows as one batch; returns the model's RESULT of each."""
        asked = json.dumps(options)
        windows = [self._transcriber.window(cut.samples, asked) for cut in cuts]
        results: list[dict[str, Any]] = self._transcriber.transcribe(windows)
        return results


class UnknownKnobError(Exception):
    """The engine cannot be turned that way."""


def batches(cuts: Sequence[Cut], size: int) -> Iterator[Sequence[Cut]]:
    """Cut a recording's windows into batches, in their order."""
    for first in range(0, len(cuts), size):
        yield cuts[first : first + size]


def segments_of(cut: Cut, result: dict[str, Any]) -> list[Segment]:
    """Read the RESULT of a window; times become those of the recording."""
    return [
        Segment(
            cut.start_ms + segment["start_ms"],
            cut.start_ms + segment["end_ms"],
            segment["text"],
            result["language"],
            tuple(
                Word(cut.start_ms + word["start_ms"], cut.start_ms + word["end_ms"], word["text"])
                for word in segment["words"]
            ),
        )
        for segment in result["segments"]
    ]
