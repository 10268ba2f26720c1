"""Recordings in other languages than English, through the whole of fanscribe."""

import csv
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from fanscribe.client import Client, Options, Transcript
from fanscribe.client.local_stack import LocalStack
from fanscribe.media.timeline import SAMPLE_RATE
from tests.support.audio import decode, write_wav
from tests.support.range_server import RangeServer
from tests.support.stack import nothing_left_running, orchestrator

CLIPS = Path(__file__).parents[3] / "shared/speech/multilingual"
# Many pieces, some of which sound like another language by themselves.
SHORT_PIECES = Options(macro_chunk_size_sec=30, micro_chunk_size_sec=8)
EACH_BY_ITSELF = Options(macro_chunk_size_sec=30, micro_chunk_size_sec=8, language="multi")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CLIPS.is_dir(), reason="needs clips in several languages"),
]


@pytest.fixture(scope="module")
async def polyglot(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LocalStack]:
    """A stack that knows many languages."""
    logs = tmp_path_factory.mktemp("polyglot")
    async with LocalStack(model="base", splitters=2, log_directory=logs) as running:
        yield running


def joined(target: Path, *languages: str, seconds: float = 1e9, silence_s: float = 0) -> Path:
    """Join FLEURS clips: at most so many seconds of each language, after some silence."""
    with (CLIPS / "manifest.tsv").open(newline="") as file:
        paths = [
            row["path"] for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        ]
    parts = [np.zeros(round(silence_s * SAMPLE_RATE), np.int16)]
    for language in languages:
        clips = [decode(CLIPS / path) for path in paths if path.startswith(f"{language}/fleurs")]
        gap = np.zeros(SAMPLE_RATE // 2, np.int16)
        speech = np.concatenate([piece for clip in clips for piece in (clip, gap)])
        parts.append(speech[: min(len(speech), round(seconds * SAMPLE_RATE))])
    return write_wav(target, np.concatenate(parts))


def languages(transcript: Transcript) -> list[str]:
    return [segment.language for segment in transcript.segments]


async def test_german_is_german_from_the_first_to_the_last_word_whoever_transcribes_it(
    polyglot: LocalStack, media_host: RangeServer, media_folder: Path, tmp_path: Path
) -> None:
    path = joined(media_folder / "german.wav", "de", silence_s=40)
    url = media_host.add(path.name, path)
    async with Client(polyglot.address) as client:
        by_two = await client.transcript(url, SHORT_PIECES)
    assert len(by_two.segments) > 10
    assert set(languages(by_two)) == {"de"}
    assert by_two.completed.language == "de"
    assert by_two.completed.coverage.speech_with_text > 0.95

    async with (
        orchestrator(polyglot.splitters[:1], tmp_path) as alone,
        Client(alone.address) as client,
    ):
        by_one = await client.transcript(url, SHORT_PIECES)
    assert by_one.segments == by_two.segments
    await nothing_left_running(polyglot, media_host)


async def test_a_recording_that_changes_language_keeps_both_if_asked_to(
    polyglot: LocalStack, media_host: RangeServer, media_folder: Path
) -> None:
    path = joined(media_folder / "german_french.wav", "de", "fr", seconds=60)
    url = media_host.add(path.name, path)
    async with Client(polyglot.address) as client:
        both = await client.transcript(url, EACH_BY_ITSELF)
        one = await client.transcript(url, SHORT_PIECES)
    assert set(languages(one)) == {"de"}
    assert one.completed.language == "de"

    for language, start_ms in (("de", 0), ("fr", 60_000)):
        half = [s for s in both.segments if start_ms <= s.start_ms < start_ms + 60_000]
        spoken = sum(s.end_ms - s.start_ms for s in half if s.language == language)
        assert spoken > 0.8 * sum(s.end_ms - s.start_ms for s in half)
    assert both.completed.macro_chunk_attempts == both.completed.macro_chunks
