"""Jobs on recordings that do not tell how long they are, or are damaged."""

import asyncio
from pathlib import Path

import numpy as np
import pytest

from fanscribe.client import Client, Options
from fanscribe.media.timeline import SAMPLE_RATE
from tests.support.audio import decode, encode
from tests.support.range_server import RangeServer
from tests.support.speech import Recording, word_error_rate

MANY_CHUNKS = Options(macro_chunk_size_sec=30)
WITHOUT_HEADER = ("-ar", "44100", "-q:a", "5", "-write_xing", "0")


async def test_a_recording_that_does_not_tell_its_length_is_transcribed_to_its_end(
    client: Client, speech: Recording, media_host: RangeServer, tmp_path: Path
) -> None:
    path = await asyncio.to_thread(encode, speech.path, tmp_path / "untold.mp3", *WITHOUT_HEADER)
    duration_ms = len(decode(path)) * 1000 // SAMPLE_RATE
    heard = await client.transcript(media_host.add("untold.mp3", path), MANY_CHUNKS)
    assert heard.completed.input_duration_ms == pytest.approx(duration_ms, abs=100)
    # The plan told an estimate; this is what there was.
    assert heard.completed.macro_chunks == (duration_ms + 22_500) // 30_000
    assert heard.completed.warnings == ()
    assert word_error_rate(speech.transcript, heard.text) < 0.2
    # One look at every header, one reading, and the windows in which boundaries were looked for.
    assert heard.completed.bytes_fetched < 3.2 * path.stat().st_size


async def test_damage_costs_a_few_words_and_is_told(
    client: Client, speech: Recording, media_host: RangeServer, tmp_path: Path
) -> None:
    path = await asyncio.to_thread(encode, speech.path, tmp_path / "damaged.m4a")
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 2000] = np.random.default_rng(3).bytes(2000)
    heard = await client.transcript(media_host.add("damaged.m4a", bytes(content)), MANY_CHUNKS)
    (warning,) = heard.completed.warnings
    assert "is damaged between" in warning
    assert word_error_rate(speech.transcript, heard.text) < 0.2
