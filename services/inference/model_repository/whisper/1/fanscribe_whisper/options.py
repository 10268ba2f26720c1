"""What a request may ask for."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Final

TASKS: Final = ("transcribe", "translate")


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


def parse_options(text: str | bytes, languages: Sequence[str]) -> Options:
    """Read options from a JSON object; `languages` are those the model knows.

    Raises RequestError for anything that is not an option or not one of its values.
    """
    try:
        values = json.loads(text)
    except ValueError as error:
        raise RequestError(f"OPTIONS is not JSON: {error}") from None
    if not isinstance(values, dict):
        raise RequestError("OPTIONS must be a JSON object, {} at least")
    defaults = {field.name: field.default for field in fields(Options)}
    for name, value in values.items():
        if name not in defaults:
            raise RequestError(f"unknown option {name!r}; known are {', '.join(defaults)}")
        if not isinstance(value, wanted := type(defaults[name])):
            kind = {str: "a string", bool: "true or false"}[wanted]
            raise RequestError(f"option {name!r} must be {kind}")
    return _checked(Options(**values), languages)


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
