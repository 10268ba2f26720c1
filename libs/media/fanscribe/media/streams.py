"""The audio streams of a recording, and which of them is meant."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

from fanscribe.media.languages import closeness
from fanscribe.runtime.errors import FanscribeError, Reason

_SHOWN_STREAMS: Final = 12
_LANGUAGE_TAG: Final = re.compile(r"[A-Za-z0-9_-]{2,35}")


@dataclass(frozen=True)
class StreamChoice:
    """Which audio stream is asked for; without either, the container's default one."""

    position: int | None = None  # among the audio streams alone, from 0
    language: str = ""  # a BCP 47 tag


DEFAULT_STREAM: Final = StreamChoice()


@dataclass(frozen=True)
class AudioStream:
    """One audio stream, as the container describes it."""

    position: int  # among the audio streams alone
    index: int  # among all streams
    codec: str
    channels: int
    language: str  # empty: not told
    is_default: bool

    @classmethod
    def of(cls, position: int, stream: dict[str, Any]) -> Self:
        """Read ffprobe's description."""
        language = str(stream.get("tags", {}).get("language", ""))
        return cls(
            position=position,
            index=int(stream["index"]),
            codec=str(stream.get("codec_name", "unknown")),
            channels=int(stream.get("channels", 0)),
            # It comes from the file, and is told to callers.
            language=language if _LANGUAGE_TAG.fullmatch(language) and language != "und" else "",
            is_default=bool(stream.get("disposition", {}).get("default", 0)),
        )

    def __str__(self) -> str:
        told = [self.codec, f"{self.channels} channel{'s' * (self.channels != 1)}"]
        told += [self.language] * bool(self.language) + ["default"] * self.is_default
        return f"{self.position} ({', '.join(told)})"


def chosen(streams: Sequence[AudioStream], choice: StreamChoice) -> AudioStream:
    """Return the stream that is meant; raises OPTION_OUT_OF_RANGE if there is none such."""
    if choice.position is not None:
        if choice.position >= len(streams):
            raise _missing(f"audio_stream is {choice.position}", streams)
        return streams[choice.position]
    if not choice.language:
        return max(streams, key=lambda stream: stream.is_default)
    best = max(
        streams, key=lambda stream: (closeness(choice.language, stream.language), stream.is_default)
    )
    if not closeness(choice.language, best.language):
        raise _missing(f"audio_language is {choice.language!r}", streams)
    return best


def _missing(asked: str, streams: Sequence[AudioStream]) -> FanscribeError:
    shown = "; ".join(str(stream) for stream in streams[:_SHOWN_STREAMS])
    more = f"; and {len(streams) - _SHOWN_STREAMS} more" * (len(streams) > _SHOWN_STREAMS)
    return FanscribeError(
        Reason.OPTION_OUT_OF_RANGE,
        f"{asked}, but the recording's audio streams are: {shown}{more}",
    )
