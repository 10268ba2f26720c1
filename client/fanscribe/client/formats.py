"""Transcripts as text: plain, SubRip, WebVTT and JSON.

A format writes as the segments come, so that what can be streamed is streamed: `segment` returns
what one segment adds, `end` what is left for the end.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass

from fanscribe.client.events import Segment, Transcript
from fanscribe.client.wording import one_line


@dataclass(frozen=True)
class Format:
    """One way to write a transcript; each part is a string with its own line ends."""

    begin: str
    segment: Callable[[Segment], str]
    end: Callable[[Transcript], str]


def _nothing(_: object) -> str:
    return ""


def _clock(time_ms: int, decimal_mark: str) -> str:
    """Time as hh:mm:ss and milliseconds; hours take as many digits as they need."""
    seconds, ms = divmod(time_ms, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}{decimal_mark}{ms:03}"


def _times(segment: Segment, decimal_mark: str) -> str:
    # Players drop a cue that ends where it starts.
    end_ms = max(segment.end_ms, segment.start_ms + 1)
    return f"{_clock(segment.start_ms, decimal_mark)} --> {_clock(end_ms, decimal_mark)}"


def _text_line(segment: Segment) -> str:
    return f"{one_line(segment.text)}\n"


def _srt_cue(segment: Segment) -> str:
    # A blank line inside the text would end the cue, "-->" would be read as another cue's times.
    text = one_line(segment.text).replace("-->", "->")
    return f"{segment.index + 1}\n{_times(segment, ',')}\n{text}\n\n"


def _vtt_cue(segment: Segment) -> str:
    text = one_line(segment.text)
    for character, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        text = text.replace(character, entity)
    return f"{_times(segment, '.')}\n{text}\n\n"


def _json_document(transcript: Transcript) -> str:
    document = {
        "text": transcript.text,
        "language": transcript.completed.language,
        "segments": [asdict(segment) for segment in transcript.segments],
        "plan": asdict(transcript.plan),
        "completed": asdict(transcript.completed),
    }
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


FORMATS = {
    "txt": Format(begin="", segment=_text_line, end=_nothing),
    "srt": Format(begin="", segment=_srt_cue, end=_nothing),
    "vtt": Format(begin="WEBVTT\n\n", segment=_vtt_cue, end=_nothing),
    "json": Format(begin="", segment=_nothing, end=_json_document),
}
