"""The model's own engine, without Triton: the package that its Triton model runs."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from fanscribe.inference.hearing import Hearing, hearing_of
from fanscribe.inference.settings import InferenceSettings
from fanscribe.splitter.chunker import MicroChunk
from fanscribe.splitter.transcription import ModelOptions, TextSegment, Transcript, Word

_PACKAGE_FOLDER: Final = Path(__file__).parents[1] / "services/inference/model_repository/whisper/1"
_SETTINGS: Final = InferenceSettings()


@dataclass(frozen=True)
class Knobs:
    """What the engine can be turned by; the defaults are those of the service."""

    padding_ms: int = _SETTINGS.padding_ms
    bucket_ms: int = _SETTINGS.bucket_ms
    group_size: int = _SETTINGS.effective_group_size
    encoder_size: int = _SETTINGS.effective_encoder_size
    guards: bool = _SETTINGS.guards
    # None: what suits the weights.
    hearing: Hearing | None = None


class Engine:
    """The engine as Triton runs it: workers of one thread each, by default one for each core."""

    def __init__(
        self, weights: Path, knobs: Knobs, workers: int = _SETTINGS.effective_workers
    ) -> None:
        if str(_PACKAGE_FOLDER) not in sys.path:
            sys.path.append(str(_PACKAGE_FOLDER))
        from fanscribe_whisper.decoder import Decoder  # noqa: PLC0415

        self._decoder: Any = Decoder(
            weights,
            device="cpu",
            device_index=0,
            compute_type="int8",
            batches=workers,
            threads=1,
        )
        self._weights = weights
        self._workers = workers
        self._transcriber: Any = None
        self.turn(knobs)

    @property
    def only_language(self) -> str:
        """What the weights understand, if it is a single language."""
        return "" if self._decoder.vocabulary.multilingual else "en"

    def turn(self, knobs: Knobs) -> None:
        """Take other knobs, without loading the weights again."""
        from fanscribe_whisper.excerpts import Padding  # noqa: PLC0415
        from fanscribe_whisper.transcriber import Transcriber  # noqa: PLC0415
        from fanscribe_whisper.tuning import Hearing as Heard  # noqa: PLC0415
        from fanscribe_whisper.tuning import Tuning  # noqa: PLC0415

        self.close()
        padding = Padding(knobs.padding_ms, knobs.bucket_ms)
        hearing = knobs.hearing or hearing_of(_SETTINGS, self._weights)
        tuning = Tuning(
            padding,
            workers=self._workers,
            group_size=knobs.group_size,
            encoder_size=knobs.encoder_size,
            guards=knobs.guards,
            english=Heard(hearing.sure_logprob, hearing.hop_samples, hearing.beams),
            foreign=Heard(
                hearing.foreign_sure_logprob, hearing.foreign_hop_samples, hearing.foreign_beams
            ),
        )
        self._transcriber = Transcriber(self._decoder, tuning)

    def close(self) -> None:
        """End its workers."""
        if self._transcriber is not None:
            self._transcriber.close()

    def transcribe(
        self, chunks: Sequence[MicroChunk], language: str = "", *, word_timestamps: bool = False
    ) -> list[Transcript]:
        """Transcribe micro chunks; an empty language is detected in each."""
        windows = []
        for chunk in chunks:
            # Texts that overlap are joined word by word.
            words = word_timestamps or chunk.continues or chunk.cut_in_speech
            options = ModelOptions(language, "transcribe", words, "")
            windows.append(self._transcriber.window(chunk.audio, options.encoded(chunk.speech)))
        return [_transcript(future.result()) for future in self._transcriber.submit(windows)]


def _transcript(result: dict[str, Any]) -> Transcript:
    return Transcript(
        language=result["language"],
        language_probability=result["language_probability"],
        segments=tuple(
            TextSegment(**{**segment, "words": tuple(Word(**word) for word in segment["words"])})
            for segment in result["segments"]
        ),
        truncated=result.get("truncated", False),
        wordless_ms=0,
    )
