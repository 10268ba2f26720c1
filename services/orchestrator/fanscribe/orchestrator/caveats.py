"""What a caller should know of a recording before any of it is transcribed."""

from typing import Final

from fanscribe.media.recording import Recording, Strategy

_SEQUENTIAL: Final = (
    "nothing leads into the middle of the recording, so one splitter decodes all of it in one go;"
    " in a format with an index, such as m4a, many share the work"
)
_JOINED: Final = (
    "the file is several recordings, one behind the other, each of which counts its own time: times"
    " are places in all their audio, decoded in one go by one splitter"
)


def caveats(recording: Recording, macro_chunks: int) -> tuple[str, ...]:
    """Return warnings, in plain words; `macro_chunks` are those that its length is worth."""
    warnings = recording.source.warnings
    if recording.strategy is Strategy.JOINED:
        return (*warnings, _JOINED)
    if recording.strategy is Strategy.SEQUENTIAL and macro_chunks > 1:
        return (*warnings, _SEQUENTIAL)
    return warnings
