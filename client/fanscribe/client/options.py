"""What a caller can ask of a transcription."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from fanscribe.v1 import transcriber_pb2 as pb


class Task(StrEnum):
    """What the words are turned into."""

    TRANSCRIBE = "transcribe"
    """Text in the language that is spoken."""
    TRANSLATE = "translate"
    """English text, whatever is spoken (multilingual weights only)."""


_TASKS = {
    Task.TRANSCRIBE: pb.TASK_TRANSCRIBE,
    Task.TRANSLATE: pb.TASK_TRANSLATE,
}


@dataclass(frozen=True, kw_only=True)
class Options:
    """How a recording is transcribed. The server checks the values and fills in the defaults."""

    macro_chunk_size_sec: int | None = None
    """Nominal length of the stretches that splitters work on, 30 to 3600 s; None: server's."""
    micro_chunk_size_sec: int | None = None
    """Greatest length of the stretches that the model sees, 5 to 30 s; None: server's."""
    language: str = ""
    """Language spoken, a BCP 47 tag such as "en" or "pt-BR"; empty: detected, once for the whole
    recording; "multi": detected again and again, for recordings in which it changes."""
    task: Task = Task.TRANSCRIBE
    word_timestamps: bool = False
    """Also return the time of every word."""
    initial_prompt: str = ""
    """Words to expect (names, spelling, style), at most 1000 characters."""
    audio_stream: int | None = None
    """Which of the recording's audio streams, from 0; None: the container's default one."""
    audio_language: str = ""
    """Instead: the audio stream that the container says is in this language, a BCP 47 tag."""

    def to_message(self) -> pb.TranscribeOptions:
        """Write as the protocol's message."""
        return pb.TranscribeOptions(
            macro_chunk_size_sec=self.macro_chunk_size_sec,
            micro_chunk_size_sec=self.micro_chunk_size_sec,
            language=self.language,
            task=_TASKS[self.task],
            word_timestamps=self.word_timestamps,
            initial_prompt=self.initial_prompt,
            audio_stream=self.audio_stream,
            audio_language=self.audio_language,
        )

    @classmethod
    def from_message(cls, message: pb.TranscribeOptions) -> Self:
        """Read from the protocol's message; a task this client does not know is a transcription."""
        # 0 is out of range for both, so an absent field needs no telling apart from it.
        return cls(
            macro_chunk_size_sec=message.macro_chunk_size_sec or None,
            micro_chunk_size_sec=message.micro_chunk_size_sec or None,
            language=message.language,
            task=Task.TRANSLATE if message.task == pb.TASK_TRANSLATE else Task.TRANSCRIBE,
            word_timestamps=message.word_timestamps,
            initial_prompt=message.initial_prompt,
            audio_stream=message.audio_stream if message.HasField("audio_stream") else None,
            audio_language=message.audio_language,
        )
