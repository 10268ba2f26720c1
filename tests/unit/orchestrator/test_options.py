"""Options of a job: ranges and language tags."""

from dataclasses import replace
from typing import Any

import pytest

from fanscribe.orchestrator.options import Options, language_of
from fanscribe.runtime.errors import FanscribeError, Reason

GOOD = Options(300, 28, "en", translate=False, word_timestamps=False, initial_prompt="")


@pytest.mark.parametrize(
    "bad",
    [
        {"macro_chunk_s": 29},
        {"macro_chunk_s": 3601},
        {"micro_chunk_s": 4},
        {"micro_chunk_s": 31},
        {"initial_prompt": "x" * 1001},
        {"audio_language": "german"},
        {"audio_language": "multi"},
        {"audio_stream": 0, "audio_language": "de"},
    ],
)
def test_out_of_range(bad: dict[str, Any]) -> None:
    with pytest.raises(FanscribeError) as refused:
        replace(GOOD, **bad)
    assert refused.value.reason is Reason.OPTION_OUT_OF_RANGE


@pytest.mark.parametrize(
    ("tag", "language"),
    [
        ("", ""),
        ("en", "en"),
        ("pt-BR", "pt"),
        ("zh-Hans-CN", "zh"),
        ("EN", "en"),
        ("multi", "multi"),
    ],
)
def test_language_of_a_tag(tag: str, language: str) -> None:
    assert language_of(tag) == language


@pytest.mark.parametrize(
    "tag", ["english", "e", "en_US", "-", "en-", "../x", "en " * 40, "multi-de"]
)
def test_what_is_no_tag(tag: str) -> None:
    with pytest.raises(FanscribeError, match="BCP 47"):
        language_of(tag)
