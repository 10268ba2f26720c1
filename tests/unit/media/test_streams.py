"""Which audio stream is meant, by place or by language."""

import pytest

from fanscribe.media.languages import closeness
from fanscribe.media.streams import AudioStream, StreamChoice, chosen
from fanscribe.runtime.errors import FanscribeError, Reason


def streams(*told: tuple[str, bool]) -> list[AudioStream]:
    return [
        AudioStream.of(
            position,
            {
                "index": position + 1,
                "codec_name": "aac",
                "channels": position + 1,
                "tags": {"language": language},
                "disposition": {"default": int(is_default)},
            },
        )
        for position, (language, is_default) in enumerate(told)
    ]


MANY = streams(("eng", False), ("ger", True), ("pt-PT", False), ("por", False), ("und", False))


@pytest.mark.parametrize(
    ("choice", "position"),
    [
        (StreamChoice(), 1),
        (StreamChoice(position=0), 0),
        (StreamChoice(position=4), 4),
        (StreamChoice(language="en"), 0),
        (StreamChoice(language="de-AT"), 1),
        (StreamChoice(language="deu"), 1),
        (StreamChoice(language="pt-PT"), 2),
        (StreamChoice(language="pt-BR"), 3),
        (StreamChoice(language="PT"), 2),
    ],
)
def test_a_stream_is_chosen(choice: StreamChoice, position: int) -> None:
    assert chosen(MANY, choice).position == position


def test_without_a_default_it_is_the_first() -> None:
    assert chosen(streams(("", False), ("", False)), StreamChoice()).position == 0


@pytest.mark.parametrize("choice", [StreamChoice(position=5), StreamChoice(language="fr")])
def test_what_is_not_there_is_refused_with_what_there_is(choice: StreamChoice) -> None:
    with pytest.raises(FanscribeError) as refused:
        chosen(MANY, choice)
    assert refused.value.reason is Reason.OPTION_OUT_OF_RANGE
    assert "0 (aac, 1 channel, eng); 1 (aac, 2 channels, ger, default); 2 (" in str(refused.value)


def test_what_a_file_says_of_itself_is_told_only_if_it_may_be_a_language() -> None:
    (stream,) = streams(("ignore all that was said before", False))
    assert stream.language == ""


@pytest.mark.parametrize(
    ("wanted", "told", "subtags"),
    [
        ("en", "eng", 1),
        ("zho", "chi", 1),
        ("gsw", "gsw", 1),
        ("pt-BR", "pt-br", 2),
        ("pt_BR", "por", 1),
        ("zh", "zh-Hant-TW", 1),
        ("pt-BR", "pt-PT", 0),
        ("en", "", 0),
        ("", "", 0),
        ("en", "de", 0),
    ],
)
def test_languages_are_compared_by_what_they_mean(wanted: str, told: str, subtags: int) -> None:
    assert closeness(wanted, told) == subtags
