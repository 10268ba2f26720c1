"""Micro chunks go to the Whisper model as samples, text comes back."""

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import tritonclient.grpc.aio as triton
from numpy.typing import NDArray
from tritonclient.utils import InferenceServerException

from fanscribe.media.timeline import Span, ms_of
from fanscribe.runtime.errors import FanscribeError, Reason
from fanscribe.splitter.connection import Connection, status_of
from fanscribe.splitter.metrics import SplitterMetrics
from fanscribe.splitter.settings import SplitterSettings

_FIRST_BACKOFF_S: Final = 0.2
_LONGEST_BACKOFF_S: Final = 3.0


@dataclass(frozen=True)
class ModelOptions:
    """What the model is asked to do with one micro chunk."""

    language: str  # ISO 639-1; empty: detect
    task: str  # "transcribe" or "translate"
    word_timestamps: bool
    initial_prompt: str

    def encoded(self, speech: Sequence[Span] | None) -> bytes:
        """Render as the model's OPTIONS input, with what is known of the speech in the audio."""
        known = None
        if speech is not None:
            times_ms = [[ms_of(one.start_sample), ms_of(one.end_sample)] for one in speech]
            known = [[start_ms, end_ms] for start_ms, end_ms in times_ms if start_ms < end_ms]
        return json.dumps({**self.__dict__, "speech": known}).encode()


@dataclass(frozen=True)
class Word:
    """A word; times in milliseconds from the start of the audio that was sent."""

    start_ms: int
    end_ms: int
    text: str
    probability: float


@dataclass(frozen=True)
class TextSegment:
    """A piece of text; times in milliseconds from the start of the audio that was sent."""

    start_ms: int
    end_ms: int
    text: str
    avg_logprob: float
    no_speech_prob: float
    compression_ratio: float
    words: tuple[Word, ...]


@dataclass(frozen=True)
class Transcript:
    """What the model made of one micro chunk."""

    language: str
    language_probability: float
    segments: tuple[TextSegment, ...]
    truncated: bool  # the model reached its token limit: text may be missing
    wordless_ms: int  # speech in which the model heard no words, however often it was asked
    # Others, of the texts before and after it that it was joined with.
    joined_languages: frozenset[str] = frozenset()


class Transcriber:
    """The Whisper model on Triton."""

    def __init__(
        self, connection: Connection, settings: SplitterSettings, metrics: SplitterMetrics
    ) -> None:
        self._connection = connection
        self._settings = settings
        self._metrics = metrics
        self._permits = asyncio.Semaphore(settings.inference_in_flight)

    async def ready(self) -> bool:
        """Ask whether the model can be used now."""
        try:
            async with self._connection.client() as client:
                model = self._settings.inference_model
                return bool(await client.is_model_ready(model, client_timeout=5))
        except InferenceServerException:
            return False

    @property
    def permits(self) -> asyncio.Semaphore:
        """Bounds what is on Triton: take one before `transcribe`, give it back after."""
        return self._permits

    async def transcribe(
        self,
        audio: NDArray[np.int16],
        options: ModelOptions,
        speech: Sequence[Span] | None = None,
    ) -> Transcript:
        """Transcribe at most 30 s of mono 16 kHz samples.

        The model accounts for all `speech`, stretches of the audio in samples, if it is known.

        Raises FanscribeError: INFERENCE_UNAVAILABLE if Triton cannot be reached for
        `inference_wait_s` or does not answer in time, OPTION_OUT_OF_RANGE if the model refuses the
        options.
        """
        give_up = time.monotonic() + self._settings.inference_wait_s
        backoff_s = _FIRST_BACKOFF_S
        while True:
            try:
                with self._metrics.inference_seconds.time():
                    return await self._infer(audio, options.encoded(speech))
            except InferenceServerException as error:
                status = status_of(error)
                # A model that is still loading answers NOT_FOUND or says so in UNAVAILABLE.
                if status != "UNAVAILABLE" or time.monotonic() + backoff_s > give_up:
                    raise _domain_error(status, error) from error
            self._metrics.inference_retries.inc()
            await asyncio.sleep(backoff_s)
            backoff_s = min(backoff_s * 2, _LONGEST_BACKOFF_S)

    async def _infer(self, audio: NDArray[np.int16], options: bytes) -> Transcript:
        samples = triton.InferInput("AUDIO", [1, len(audio)], "INT16")
        samples.set_data_from_numpy(audio[np.newaxis, :])
        asked = triton.InferInput("OPTIONS", [1, 1], "BYTES")
        asked.set_data_from_numpy(np.array([[options]], dtype=np.object_))
        async with self._connection.client() as client:
            answer = await client.infer(
                self._settings.inference_model,
                [samples, asked],
                client_timeout=self._settings.inference_timeout_s,
            )
        return _transcript(json.loads(answer.as_numpy("RESULT").item()))


def _transcript(result: dict[str, Any]) -> Transcript:
    return Transcript(
        language=result["language"],
        language_probability=result["language_probability"],
        segments=tuple(
            TextSegment(**{**segment, "words": tuple(Word(**w) for w in segment.get("words", ()))})
            for segment in result["segments"]
        ),
        truncated=result.get("truncated", False),
        wordless_ms=result.get("wordless_ms", 0),
    )


def _domain_error(status: str, error: InferenceServerException) -> FanscribeError:
    match status:
        case "INVALID_ARGUMENT":
            return FanscribeError(Reason.OPTION_OUT_OF_RANGE, str(error.message()))
        case "DEADLINE_EXCEEDED":
            return FanscribeError(
                Reason.INFERENCE_UNAVAILABLE,
                "the model did not answer in time; it may be overloaded",
            )
        # CANCELLED: by this side, which is closing the connection, or by a Triton that stops.
        case "UNAVAILABLE" | "NOT_FOUND" | "CANCELLED":
            return FanscribeError(
                Reason.INFERENCE_UNAVAILABLE,
                "the model cannot be reached; it may be starting or stopped",
            )
        case _:
            return FanscribeError(Reason.INTERNAL, f"the model failed ({status})")
