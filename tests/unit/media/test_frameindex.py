"""The index of a recording that is nothing but frames, with and without damage."""

import random
from pathlib import Path

import pytest

from fanscribe.media.frameindex import FrameIndex
from tests.support.audio import encode, english_clips
from tests.support.memory_reader import MemoryReader, recording_of

CLIP = english_clips()[0].path
OPTIONS = {
    "a.mp3": ["-ar", "44100", "-b:a", "64k", "-write_xing", "0"],
    "a.aac": ["-ar", "44100", "-b:a", "64k"],
}


async def scanned_us(content: bytes, name: str) -> list[int]:
    """Scan a recording; return the time stamps told, the last of which is the end."""
    reader = MemoryReader(content)
    container = name.rpartition(".")[2]
    index = FrameIndex(recording_of(reader, container, 1))
    return [end_us async for end_us in index.scan(reader)]


@pytest.fixture(params=OPTIONS)
def encoded(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, bytes]:
    name: str = request.param
    return name, encode(CLIP, tmp_path / name, *OPTIONS[name]).read_bytes()


async def test_a_scan_comes_nearer_to_the_end(encoded: tuple[str, bytes]) -> None:
    name, content = encoded
    told = await scanned_us(content, name)
    assert told == sorted(told)
    assert len(told) > 3
    assert await scanned_us(content + b"TAG" + bytes(125), name) == pytest.approx(told)


async def test_bytes_that_were_overwritten_keep_their_time(encoded: tuple[str, bytes]) -> None:
    name, content = encoded
    (*_, whole_us) = await scanned_us(content, name)
    chance = random.Random(5)
    for _ in range(20):
        damaged = bytearray(content)
        start, length = chance.randrange(2_000, len(content) - 12_000), chance.randrange(1, 8_000)
        damaged[start : start + length] = chance.choice([chance.randbytes(length), bytes(length)])
        (*_, end_us) = await scanned_us(bytes(damaged), name)
        # Encoded at a constant rate, in frames that vary a little.
        assert end_us == pytest.approx(whole_us, abs=200_000)


async def test_tags_between_joined_recordings_take_no_time(encoded: tuple[str, bytes]) -> None:
    name, content = encoded
    tag = b"ID3\x04\x00\x00\x00\x00\x10\x00" + bytes(2048)
    (*_, once_us) = await scanned_us(content, name)
    (*_, twice_us) = await scanned_us(content + tag + content, name)
    assert twice_us == pytest.approx(2 * once_us, abs=60_000)


async def test_a_frame_is_found_by_whoever_needs_it(encoded: tuple[str, bytes]) -> None:
    name, content = encoded
    reader = MemoryReader(content)
    recording = recording_of(reader, name.rpartition(".")[2], 1)
    index = FrameIndex(recording)
    early = await index.anchor(reader, recording, 2_000_000)
    late = await index.anchor(reader, recording, 4_000_000)
    assert early is not None
    assert late is not None
    assert 0 < early.start_byte < late.start_byte
    assert 500_000 < early.offset_us < 2_000_000 < late.offset_us < 4_000_000
    fetched = reader.bytes_fetched
    assert await index.anchor(reader, recording, 2_000_000) == early
    assert reader.bytes_fetched == fetched
    assert await index.anchor(reader, recording, 0) is None  # from the start, as it is
