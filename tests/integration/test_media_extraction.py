"""Spans of recordings, against one decode of the whole file."""

from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from fanscribe.media.access import MediaAccess
from fanscribe.media.limits import KIB, MediaLimits
from fanscribe.media.probe import Recording
from fanscribe.media.timeline import SAMPLE_RATE, Span
from tests.support.audio import FORMATS, Speech, decode, encode, joined_speech, repeated
from tests.support.policies import LOOPBACK
from tests.support.range_server import RangeServer


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Speech:
    return joined_speech(tmp_path_factory.mktemp("media") / "speech.wav", 60)


@pytest.fixture
async def access() -> AsyncIterator[MediaAccess]:
    async with MediaAccess(LOOPBACK) as access:
        yield access


async def extract(
    access: MediaAccess, recording: Recording, span: Span, *, to_end: bool = False
) -> NDArray[np.int16]:
    async with access.extract(recording, span, to_end=to_end) as extraction:
        blocks = [block async for block in extraction]
    assert all(block.dtype == np.int16 for block in blocks)
    return np.concatenate(blocks)


@pytest.mark.parametrize("name", FORMATS)
async def test_spans_joined_are_the_recording(
    access: MediaAccess, speech: Speech, tmp_path: Path, name: str
) -> None:
    path = encode(speech.path, tmp_path / name, *FORMATS[name])
    truth = decode(path)
    async with RangeServer(tmp_path) as server:
        recording = await access.probe(server.url(name))
        async with access.extent(recording) as extent:
            end = await extent.end()
        # Containers round what they tell; MPEG-TS leaves out the last packet.
        assert abs(end - len(truth)) <= 0.25 * SAMPLE_RATE
        # Boundaries on no grid, and spans that begin inside the run-up of the first second.
        bounds = [0, 5_003, 17_777, 250_001, 250_002, 700_101]
        spans = [Span(*pair) for pair in pairwise(bounds)]
        pieces = [await extract(access, recording, span) for span in spans]
        assert [len(piece) for piece in pieces] == [span.samples for span in spans]
        last = Span(bounds[-1], end)
        pieces.append(await extract(access, recording, last, to_end=True))
    joined = np.concatenate(pieces)
    assert len(joined) == len(truth)
    # Floating point decoders differ in the last bit where they start elsewhere.
    assert np.abs(joined.astype(int) - truth).max() <= 2


async def test_audio_that_starts_late_has_silence_before_it(
    access: MediaAccess, speech: Speech, tmp_path: Path
) -> None:
    picture = ("-f", "lavfi", "-i", "color=size=64x64:rate=5:duration=65")
    late = ("-itsoffset", "4.2", "-i", str(speech.path), "-map", "1", "-map", "2")
    codecs = ("-c:v", "mpeg4", "-c:a", "aac", "-aac_pns", "0")
    path = encode(speech.path, tmp_path / "late.mp4", *picture, *late, *codecs)
    truth = decode(path, stream_index=1, late=True)
    assert not truth[: 4 * SAMPLE_RATE].any()
    async with RangeServer(tmp_path) as server:
        recording = await access.probe(server.url("late.mp4"))
        assert recording.stream_index == 1
        assert recording.start_time_us == pytest.approx(0, abs=100_000)
        spans = [Span(0, 30_001), Span(30_001, 90_017), Span(300_017, 500_009)]
        pieces = [await extract(access, recording, span) for span in spans]
    for span, piece in zip(spans, pieces, strict=True):
        assert np.array_equal(piece, truth[span.start_sample : span.end_sample])


@pytest.mark.parametrize(
    ("layout", "gain"),
    [
        ("mono|c0=c0", 1.0),
        ("stereo|c0=c0|c1=c0", 1.0),
        ("stereo|c0=c0", 0.5),
        # Only the centre speaks: it must be heard, if not as loud as alone.
        ("5.1|FC=c0", 0.5),
    ],
)
async def test_downmixing_keeps_the_voice(
    access: MediaAccess, speech: Speech, tmp_path: Path, layout: str, gain: float
) -> None:
    encode(speech.path, tmp_path / "a.flac", "-af", f"pan={layout}")
    async with RangeServer(tmp_path) as server:
        recording = await access.probe(server.url("a.flac"))
        samples = await extract(access, recording, Span(0, 10 * SAMPLE_RATE))
    voice = decode(speech.path)[: 10 * SAMPLE_RATE].astype(float)
    assert (samples @ voice) / (voice @ voice) >= gain - 0.001


async def test_a_span_of_a_long_recording_costs_about_its_share_of_the_bytes(
    speech: Speech, tmp_path: Path
) -> None:
    short = encode(speech.path, tmp_path / "short.m4a", "-b:a", "32k")
    hour_s = 3600
    path = repeated(short, tmp_path / "hour.m4a", hour_s)
    limits = MediaLimits(cache_bytes=0)
    async with RangeServer(tmp_path) as server, MediaAccess(LOOPBACK, limits) as access:
        recording = await access.probe(server.url("hour.m4a"))
        span = Span(2000 * SAMPLE_RATE, 2300 * SAMPLE_RATE)
        async with access.extract(recording, span) as extraction:
            samples = sum([len(block) async for block in extraction])
            share = path.stat().st_size * span.samples / recording.duration_samples
            index_bytes = path.stat().st_size // 10  # moov, at most
            assert samples == span.samples
            assert extraction.bytes_fetched < 1.3 * share + index_bytes


@pytest.mark.parametrize(
    ("name", "options"),
    [("cbr.mp3", ["-b:a", "32k"]), ("vbr.mp3", ["-q:a", "9"]), ("adts.aac", ["-b:a", "32k"])],
)
async def test_late_spans_of_formats_without_an_index_cost_their_share_too(
    speech: Speech, tmp_path: Path, name: str, options: list[str]
) -> None:
    short = encode(speech.path, tmp_path / f"short_{name}", *options)
    path = repeated(short, tmp_path / name, 3600)
    limits = MediaLimits(cache_bytes=0)
    async with RangeServer(tmp_path) as server, MediaAccess(LOOPBACK, limits) as access:
        recording = await access.probe(server.url(name))
        for attempt in range(2):
            span = Span(3000 * SAMPLE_RATE, 3300 * SAMPLE_RATE)
            async with access.extract(recording, span) as extraction:
                samples = sum([len(block) async for block in extraction])
            assert samples == span.samples
            share = path.stat().st_size * span.samples / recording.duration_samples
            # Frames of varying length have to be looked at once in a process.
            if attempt > 0 or name == "cbr.mp3":
                assert extraction.bytes_fetched < 1.5 * share + 256 * KIB


async def test_damage_in_an_mp3_leaves_the_rest_in_its_place(
    access: MediaAccess, speech: Speech, tmp_path: Path
) -> None:
    content = encode(speech.path, tmp_path / "whole.mp3", "-b:a", "64k").read_bytes()
    middle = len(content) // 2
    damaged = content[:middle] + bytes(1000) + content[middle:]
    whole = decode(tmp_path / "whole.mp3")
    before, after = Span(100_003, 200_001), Span(700_001, 800_003)
    async with RangeServer() as server:
        recording = await access.probe(server.add("damaged.mp3", damaged))
        samples = await extract(access, recording, before)
        assert np.array_equal(samples, whole[before.start_sample : before.end_sample])
        samples = await extract(access, recording, after)
        # The damage counts as a frame or two, and what follows is as it was.
        starts = [after.start_sample - 576 * frames for frames in range(4)]
        assert any(np.array_equal(samples, whole[start:][: len(samples)]) for start in starts)


async def test_audio_is_decoded_as_it_is_asked_for(tmp_path: Path, speech: Speech) -> None:
    path = repeated(speech.path, tmp_path / "hour.wav", 3600)
    limits = MediaLimits(cache_bytes=0)
    async with RangeServer(tmp_path) as server, MediaAccess(LOOPBACK, limits) as access:
        recording = await access.probe(server.url("hour.wav"))
        async with access.extract(recording, Span(0, recording.duration_samples)) as extraction:
            blocks = aiter(extraction)
            for _ in range(10):
                await anext(blocks)
            consumed_bytes = 10 * 2 * SAMPLE_RATE
            assert extraction.bytes_fetched < consumed_bytes + path.stat().st_size // 20


@pytest.mark.parametrize("to_end", [False, True])
async def test_a_span_takes_few_requests(speech: Speech, tmp_path: Path, *, to_end: bool) -> None:
    repeated(speech.path, tmp_path / "hour.wav", 3600)
    async with RangeServer(tmp_path) as server, MediaAccess(LOOPBACK) as access:
        recording = await access.probe(server.url("hour.wav"))
        before = server.document("hour.wav").requests
        end_sample = recording.duration_samples - (0 if to_end else 300 * SAMPLE_RATE)
        span = Span(end_sample - 300 * SAMPLE_RATE, end_sample)
        assert len(await extract(access, recording, span, to_end=to_end)) == span.samples
        assert server.document("hour.wav").requests <= before + 10


async def test_what_came_with_the_first_answer_is_not_asked_for_again(
    access: MediaAccess, speech: Speech, tmp_path: Path
) -> None:
    encode(speech.path, tmp_path / "short.wav", "-t", "0.2")
    async with RangeServer(tmp_path) as server:
        recording = await access.probe(server.url("short.wav"))
        samples = await extract(access, recording, Span(0, recording.duration_samples))
        assert len(samples) == 0.2 * SAMPLE_RATE
        assert server.document("short.wav").requests == 1
