"""Headers of MPEG audio and ADTS."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fanscribe.media.frames import AdtsFormat, FrameFormat, MpegFormat, id3_bytes, info_tag
from tests.support.audio import encode, english_clips

CLIP = english_clips()[0].path


def lengths(content: bytes, at: int, frame_format: FrameFormat) -> list[int]:
    found = []
    while at + 7 <= len(content) and (length := frame_format.length(content, at)):
        found.append(length)
        at += length
    assert at == len(content)
    return found


@pytest.mark.parametrize(
    ("name", "options", "rate", "samples"),
    [
        ("a.mp3", ["-ar", "44100", "-b:a", "64k"], 44100, 1152),
        ("a.mp3", ["-ar", "24000", "-q:a", "3"], 24000, 576),
        ("a.mp3", ["-ar", "8000", "-b:a", "8k"], 8000, 576),
        ("a.mp2", ["-ar", "32000", "-b:a", "64k"], 32000, 1152),
        ("a.aac", ["-ar", "22050"], 22050, 1024),
    ],
)
def test_frames_follow_one_another_to_the_end(
    tmp_path: Path, name: str, options: list[str], rate: int, samples: int
) -> None:
    content = encode(CLIP, tmp_path / name, "-ac", "1", *options).read_bytes()
    start = id3_bytes(content)
    kind = AdtsFormat if name == "a.aac" else MpegFormat
    frame_format: FrameFormat = kind(content[start : start + 7])
    assert (frame_format.rate, frame_format.samples) == (rate, samples)
    assert len(lengths(content, start, frame_format)) > 10


@pytest.mark.parametrize("channels", ["1", "2"])
@pytest.mark.parametrize("rate", ["44100", "16000"])
def test_the_info_tag_counts_frames_and_padding(tmp_path: Path, channels: str, rate: str) -> None:
    options = ("-ar", rate, "-ac", channels, "-b:a", "64k")
    content = encode(CLIP, tmp_path / "a.mp3", *options).read_bytes()
    start = id3_bytes(content)
    frame_format = MpegFormat(content[start:])
    found = lengths(content, start, frame_format)
    tag = info_tag(content[start : start + found[0]], frame_format)
    assert tag is not None
    assert tag.is_constant_bit_rate
    assert tag.frames == len(found) - 1
    assert tag.start_skip_samples > 1000
    second = content[start + found[0] :]
    assert info_tag(second[: found[1]], frame_format) is None
    assert sum(found[1:]) / tag.frames == pytest.approx(MpegFormat(second).mean_length, abs=0.1)


@given(st.binary(min_size=7, max_size=7))
def test_any_bytes_are_a_header_or_refused(header: bytes) -> None:
    for kind in (MpegFormat, AdtsFormat):
        try:
            frame_format: FrameFormat = kind(header)
        except ValueError:
            continue
        assert frame_format.length(header, 0) >= 0
