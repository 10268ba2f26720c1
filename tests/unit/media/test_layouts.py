"""Fragments, clusters, pages and packets: found in real files, and in no others."""

from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fanscribe.media.anchor import pieces_of
from fanscribe.media.clusters import ClusterLayout, open_clusters
from fanscribe.media.flacframes import FrameLayout, open_frames
from fanscribe.media.fragments import FragmentLayout, open_fragments
from fanscribe.media.landmarks import LandmarkIndex, Layout
from fanscribe.media.oggpages import PageLayout, open_pages
from fanscribe.media.timeline import SAMPLE_RATE, us_of
from fanscribe.media.transport import PacketLayout, open_packets
from fanscribe.runtime.errors import FanscribeError
from tests.support.audio import Speech, encode, joined_speech
from tests.support.memory_reader import MemoryReader, recording_of

_DURATION_S: Final = 120
_PICTURE: Final = ("-f", "lavfi", "-i", f"color=size=64x64:rate=5:duration={_DURATION_S}")
_BOTH: Final = (*_PICTURE, "-map", "1", "-map", "0", "-c:v", "mpeg4")
_FRAGMENTS: Final = ("-frag_duration", "2000000", "-movflags")

# Name, opener, encoder options, stream.
_FILES: Final[list[tuple[str, Any, tuple[str, ...], int]]] = [
    ("a.mp4", open_fragments, (*_FRAGMENTS, "+empty_moov+default_base_moof"), 0),
    ("absolute.mp4", open_fragments, (*_FRAGMENTS, "+empty_moov"), 0),
    ("mpeg.mp4", open_fragments, (*_BOTH, *_FRAGMENTS, "+frag_keyframe"), 1),
    ("live.webm", open_clusters, ("-c:a", "libopus", "-live", "1"), 0),
    ("live.mkv", open_clusters, (*_BOTH, "-c:a", "aac", "-live", "1"), 1),
    ("opus.ogg", open_pages, ("-c:a", "libopus"), 0),
    ("vorbis.ogg", open_pages, ("-c:a", "libvorbis"), 0),
    ("flac.ogg", open_pages, ("-c:a", "flac"), 0),
    ("a.flac", open_frames, ("-ar", "44100"), 0),
    ("surround.flac", open_frames, ("-ar", "96000", "-ac", "6", "-frame_size", "5000"), 0),
    ("a.ts", open_packets, ("-muxdelay", "0", "-c:a", "aac"), 0),
    ("b.ts", open_packets, (*_BOTH, "-muxdelay", "0", "-c:a", "mp2"), 1),
]


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Speech:
    return joined_speech(tmp_path_factory.mktemp("layouts") / "speech.wav", _DURATION_S)


@pytest.mark.parametrize("file", _FILES, ids=lambda file: str(file[0]))
async def test_marks_lead_to_any_time_of_a_real_file(
    speech: Speech, tmp_path: Path, file: tuple[str, Any, tuple[str, ...], int]
) -> None:
    name, opener, options, stream = file
    path = encode(speech.path, tmp_path / name, *options)
    content = path.read_bytes()
    reader = MemoryReader(content)
    recording = recording_of(reader, "", _DURATION_S * SAMPLE_RATE, stream_index=stream)
    layout: Layout | None = await opener(reader, recording)
    assert layout is not None
    assert 0 < layout.header_bytes < 64 * 1024

    marks = layout.marks(content, 0)
    assert len(marks) > 10
    assert marks == sorted(marks)
    times_us = [mark.time_us for mark in marks]
    assert times_us == sorted(times_us)
    end_us = layout.end_us(content, 0)
    assert end_us is not None
    samples = (speech.path.stat().st_size - 44) // 2
    assert end_us == pytest.approx(us_of(samples), abs=500_000)
    # As many in pieces as in one.
    cut = marks[len(marks) // 2].offset
    assert [one for one in layout.marks(content[cut:], cut) if one in marks]

    index = LandmarkIndex(layout, recording)
    for target_us in range(0, end_us, 7_000_000):
        anchor = await index.anchor(reader, recording, target_us)
        assert anchor is not None
        begin_us = target_us - layout.preroll_us
        begun = [mark for mark in marks if mark.offset <= anchor.start_byte]
        if anchor.start_byte != layout.header_bytes:
            assert begun[-1].time_us <= begin_us
        passed = [m for m in marks if m.offset > anchor.start_byte and m.time_us <= begin_us]
        # Two marks that are close, or one look, are not worth another request.
        assert not passed or passed[-1].offset - anchor.start_byte < 96 * 1024
        # The view is whole: what is left out is what the filler says, or nothing.
        pieces = pieces_of(anchor, len(content))
        assert all(one.end == two.start for one, two in pairwise(pieces))
    assert await index.end_us(reader) == end_us


@pytest.mark.parametrize(
    ("name", "opener"),
    [("a.m4a", open_fragments), ("a.wav", open_fragments), ("a.wav", open_clusters)],
)
async def test_other_files_are_left_to_ffmpeg(
    speech: Speech, tmp_path: Path, name: str, opener: Any
) -> None:
    reader = MemoryReader(encode(speech.path, tmp_path / name).read_bytes())
    assert await opener(reader, recording_of(reader, "", 1)) is None


async def test_cues_are_seen(speech: Speech, tmp_path: Path) -> None:
    reader = MemoryReader(encode(speech.path, tmp_path / "a.mkv", "-c:a", "libopus").read_bytes())
    layout = await open_clusters(reader, recording_of(reader, "", 1))
    assert layout is not None
    assert layout.has_index


_LAYOUTS: Final[list[Layout]] = [
    FragmentLayout(32, 1, 48_000, 1024),
    ClusterLayout(32, 1, 1_000_000, has_index=False, has_end=False),
    PageLayout(32, 1, 48_000, frozenset({0, 1, 2, 0x10000, 0x1000000})),
    FrameLayout(32, 4096, 44_100, b"\xff\xf8\x09\x08"),
    PacketLayout(188),
]
_WORDS: Final = [
    *(b"moof", b"mfhd", b"traf", b"tfhd", b"tfdt", b"trun", b"OggS", b"\0\0\0", b"\1\0\0\0"),
    *(b"\xff\xf8\xc9\x18\0\xc2", b"fLaC", b"\0\0\0\x22"),
    *(b"\x1f\x43\xb6\x75", b"\xe7\x81\5", b"\xa3\x84\x81\0\0\0", b"\x47\x41\0\x10\0\0\1\xc0"),
]


@given(st.lists(st.one_of(st.sampled_from(_WORDS), st.binary(max_size=200))))
def test_any_bytes_are_looked_at_without_harm(parts: list[bytes]) -> None:
    data = b"".join(parts)
    for layout in _LAYOUTS:
        with suppress(FanscribeError):  # pages of another recording
            for mark in layout.marks(data, 1000):
                assert mark.offset >= 1000
            layout.end_us(data, 1000)


@given(st.lists(st.one_of(st.sampled_from([*_WORDS, b"ftyp", b"moov"]), st.binary(max_size=99))))
async def test_any_head_is_opened_or_left_to_ffmpeg(parts: list[bytes]) -> None:
    for head in (b"", b"\0\0\0\x10ftypisom\0\0\0\0", b"\x1a\x45\xdf\xa3\x80", b"OggS\0\2", b"fLaC"):
        reader = MemoryReader(head + b"".join(parts))
        recording = recording_of(reader, "", 1)
        for opener in (open_fragments, open_clusters, open_pages, open_frames, open_packets):
            with suppress(FanscribeError):  # several recordings
                await opener(reader, recording)
