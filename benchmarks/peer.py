"""What a peer takes and gives. Every peer's interpreter imports this, so it needs nothing."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Self, TypeAlias

# The language to ask for where a recording changes its language.
MULTI: Final = "multi"


@dataclass(frozen=True)
class Options:
    """What may be asked of every peer."""

    language: str = ""  # ISO 639-1; empty: to be detected; MULTI: it changes
    word_timestamps: bool = False


@dataclass(frozen=True)
class Word:
    """A word and when it was spoken: [start_ms, end_ms) of the recording."""

    start_ms: int
    end_ms: int
    text: str


@dataclass(frozen=True)
class Segment:
    """A piece of text and when it was spoken: [start_ms, end_ms) of the recording."""

    start_ms: int
    end_ms: int
    text: str
    language: str
    words: tuple[Word, ...] = ()  # if they were asked for


@dataclass(frozen=True)
class Transcription:
    """What a peer returned: text, and whatever else it told."""

    segments: tuple[Segment, ...]
    language: str
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """All segments' text, separated by spaces."""
        return " ".join(segment.text.strip() for segment in self.segments)

    def to_json(self) -> dict[str, Any]:
        """Turn into what JSON can hold."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Read what `to_json` gave."""
        segments = tuple(
            Segment(**{**segment, "words": tuple(Word(**word) for word in segment["words"])})
            for segment in content["segments"]
        )
        return cls(segments, content["language"], content["details"])


Transcribe: TypeAlias = Callable[[Path, Options], Awaitable[Transcription]]
# Loads the model in this folder, and gives what transcribes with it.
Peer: TypeAlias = Callable[[Path], AbstractAsyncContextManager[Transcribe]]
