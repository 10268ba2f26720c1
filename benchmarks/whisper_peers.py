"""faster-whisper, batched and sequential, and WhisperX: whole files, one after the other."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from benchmarks.peer import MULTI, Options, Segment, Transcribe, Transcription, Word

_BATCH_SIZE: Final = 8
_COMPUTE_TYPE: Final = "int8"
_GREEDY: Final = 1


@asynccontextmanager
async def faster_whisper_batched(weights: Path) -> AsyncIterator[Transcribe]:
    """faster-whisper's batched pipeline, greedy; for the rest its defaults."""
    from faster_whisper import BatchedInferencePipeline  # noqa: PLC0415

    pipeline = BatchedInferencePipeline(_faster_whisper_model(weights))

    async def transcribe(path: Path, options: Options) -> Transcription:
        found = pipeline.transcribe(
            str(path), batch_size=_BATCH_SIZE, beam_size=_GREEDY, **_wishes(options)
        )
        return _transcription(*found)

    yield transcribe


@asynccontextmanager
async def faster_whisper_sequential(weights: Path) -> AsyncIterator[Transcribe]:
    """faster-whisper as it comes: five beams, fallback temperatures, one window at a time."""
    whisper = _faster_whisper_model(weights)

    async def transcribe(path: Path, options: Options) -> Transcription:
        return _transcription(*whisper.transcribe(str(path), **_wishes(options)))

    yield transcribe


@asynccontextmanager
async def whisperx(weights: Path) -> AsyncIterator[Transcribe]:
    """WhisperX with its pyannote VAD, greedy and without alignment; for the rest its defaults."""
    # All it needs is in its package; without this it asks the Hugging Face Hub for news.
    os.environ["HF_HUB_OFFLINE"] = "1"
    from whisperx import load_audio, load_model  # noqa: PLC0415

    pipeline = load_model(
        str(weights),
        device="cpu",
        compute_type=_COMPUTE_TYPE,
        vad_method="pyannote",
        threads=_cores(),
        asr_options={"beam_size": _GREEDY},
    )
    # It asks an English model for its language, and fails, unless the model's name tells.
    only_language = None if pipeline.model.model.is_multilingual else "en"

    async def transcribe(path: Path, options: Options) -> Transcription:
        found = pipeline.transcribe(
            load_audio(str(path)),
            batch_size=_BATCH_SIZE,
            language=options.language or only_language,
        )
        language = found["language"]
        segments = [
            Segment(_ms(one["start"]), _ms(one["end"]), one["text"], language)
            for one in found["segments"]
        ]
        return Transcription(tuple(segments), language)

    yield transcribe


def _faster_whisper_model(weights: Path) -> Any:
    from faster_whisper import WhisperModel  # noqa: PLC0415

    return WhisperModel(
        str(weights), device="cpu", compute_type=_COMPUTE_TYPE, cpu_threads=_cores()
    )


def _wishes(options: Options) -> dict[str, Any]:
    wishes: dict[str, Any] = {"word_timestamps": options.word_timestamps}
    if options.language == MULTI:
        return {**wishes, "multilingual": True}
    return {**wishes, "language": options.language or None}


def _transcription(segments: Any, info: Any) -> Transcription:
    # Transcribing happens as the segments are drawn.
    return Transcription(
        tuple(
            Segment(
                _ms(segment.start),
                _ms(segment.end),
                segment.text,
                info.language,
                tuple(Word(_ms(word.start), _ms(word.end), word.word) for word in segment.words)
                if segment.words
                else (),
            )
            for segment in segments
        ),
        info.language,
    )


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def _cores() -> int:
    return len(os.sched_getaffinity(0))
