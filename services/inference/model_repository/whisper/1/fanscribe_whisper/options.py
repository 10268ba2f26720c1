"""What a request may ask for."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Final, TypeAlias

TASKS: Final = ("transcribe", "translate")

# Stretches of a window, [start_ms, end_ms) each, in time order and apart.
Stretches: TypeAlias = tuple[tuple[int, int], ...]


class RequestError(ValueError):
    """A request cannot be done; the message tells its sender why."""


@dataclass(frozen=True)
class Options:
    """Options of one request."""

    # Language spoken, as the model names it (ISO 639-1 mostly); "" to detect it.
    language: str = ""
    # "transcribe", or "translate" into English.
    task: str = "transcribe"
    # Also find the time of every word.
    word_timestamps: bool = False
    # Words to expect: names, spelling, style.
    initial_prompt: str = ""
    # Where somebody speaks for certain: what has no text there is looked at again. An empty list:
    # nowhere for certain, so the model's doubts are enough. None: not known.
    speech: Stretches | None = None


def parse_options(text: str | bytes, languages: Sequence[str]) -> Options:
    """Read options from a JSON object, or from nothing; `languages` are those the model knows.

    Raises RequestError for anything that is not an option or not one of its values.
    """
    try:
        values = json.loads(text or "{}")
    except ValueError as error:
        raise RequestError(f"OPTIONS is not JSON: {error}") from None
    if not isinstance(values, dict):
        raise RequestError("OPTIONS must be a JSON object, {} at least")
    defaults = {field.name: field.default for field in fields(Options)}
    for name, value in values.items():
        if name not in defaults:
            raise RequestError(f"unknown option {name!r}; known are {', '.join(defaults)}")
        if name == "speech":
            values[name] = _stretches(value)
        elif not isinstance(value, wanted := type(defaults[name])):
            kind = {str: "a string", bool: "true or false"}[wanted]
            raise RequestError(f"option {name!r} must be {kind}")
    return _checked(Options(**values), languages)


def _stretches(value: Any) -> Stretches | None:
    if value is None:
        return None
    wrong = RequestError(
        "option 'speech' must be a list of [start_ms, end_ms], whole numbers, in order and apart"
    )
    if not isinstance(value, list):
        raise wrong
    last_ms = 0
    for stretch in value:
        if not (isinstance(stretch, list) and [type(time) for time in stretch] == [int, int]):
            raise wrong
        start_ms, end_ms = stretch
        if not last_ms <= start_ms < end_ms:
            raise wrong
        last_ms = end_ms
    return tuple((start_ms, end_ms) for start_ms, end_ms in value)


def _checked(options: Options, languages: Sequence[str]) -> Options:
    if options.task not in TASKS:
        raise RequestError(f"option 'task' must be one of {', '.join(TASKS)}")
    if options.language and options.language not in languages:
        known = ", ".join(languages)
        raise RequestError(
            f"option 'language' must be empty (detect) or one this model knows: {known}"
        )
    if options.task == "translate" and len(languages) == 1:
        raise RequestError(
            "option 'task' must be transcribe: this model is English-only and cannot translate"
        )
    return options
