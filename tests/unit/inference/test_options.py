"""Options of a request: what is allowed, and what the sender is told otherwise."""

import pytest
from fanscribe_whisper.options import Options, RequestError, parse_options

MULTILINGUAL = ("de", "en", "fr")
ENGLISH = ("en",)


def test_an_empty_object_takes_every_default() -> None:
    assert parse_options(b"{}", MULTILINGUAL) == Options("", "transcribe", False, "")


def test_every_option_is_read() -> None:
    text = (
        '{"language": "de", "task": "translate", "word_timestamps": true, "initial_prompt": "Köln"}'
    )
    assert parse_options(text.encode(), MULTILINGUAL) == Options("de", "translate", True, "Köln")


@pytest.mark.parametrize(
    ("text", "languages", "told"),
    [
        ("{", MULTILINGUAL, "not JSON"),
        ("[]", MULTILINGUAL, "must be a JSON object"),
        ('{"beam": 5}', MULTILINGUAL, "unknown option 'beam'; known are language, task"),
        ('{"word_timestamps": 1}', MULTILINGUAL, "must be true or false"),
        ('{"language": null}', MULTILINGUAL, "must be a string"),
        ('{"language": "xx"}', MULTILINGUAL, "de, en, fr"),
        ('{"language": "de"}', ENGLISH, "one this model knows: en"),
        ('{"task": "summarise"}', MULTILINGUAL, "transcribe, translate"),
        ('{"task": "translate"}', ENGLISH, "English-only"),
    ],
)
def test_what_cannot_be_done_is_refused_with_what_can(
    text: str, languages: tuple[str, ...], told: str
) -> None:
    with pytest.raises(RequestError, match=told):
        parse_options(text, languages)


def test_bytes_that_are_not_text_are_refused() -> None:
    with pytest.raises(RequestError, match="not JSON"):
        parse_options(b"\xff\xfe\xfd", MULTILINGUAL)
