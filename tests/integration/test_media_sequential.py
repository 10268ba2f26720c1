"""Recordings that are decoded in one go: several in one file, and those nothing leads into."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import psutil
import pytest
from numpy.typing import NDArray

from fanscribe.media.access import MediaAccess
from fanscribe.media.extraction import Extraction
from fanscribe.media.limits import KIB, MediaLimits
from fanscribe.media.recording import Recording, Strategy
from fanscribe.media.timeline import SAMPLE_RATE, Span
from fanscribe.runtime.errors import FanscribeError, Reason
from tests.support.audio import decode, encode, joined_speech, repeated
from tests.support.comparison import Samples, compare
from tests.support.policies import LOOPBACK
from tests.support.range_server import Fault, RangeServer

_DURATION_S: Final = 40
# Beside minutes, what is looked at to find out that a file is several recordings is much.
_LOOKS_BYTES: Final = 768 * KIB
_AAC: Final = ("-ar", "44100", "-c:a", "aac", "-aac_pns", "0")
_FRAGMENTS: Final = ("-movflags", "empty_moov+default_base_moof", "-frag_duration", "5000000")
_DTS: Final = ("-ar", "48000", "-c:a", "dca", "-strict", "-2")
_LIMITS: Final = MediaLimits(attempts=2, backoff_s=0.01, cache_bytes=0)

Options = tuple[str, ...]


@dataclass(frozen=True)
class Bench:
    """Two different recordings, and what it takes to read files that are made of them."""

    parts: tuple[Path, Path]
    server: RangeServer
    access: MediaAccess
    folder: Path

    def joined(self, name: str, first: Options, second: Options) -> Path:
        """Encode both, each with its own options, and put one behind the other."""
        target = self.folder / name
        paths = [
            encode(part, self.folder / f"{number}_{name}", *options)
            for number, (part, options) in enumerate(zip(self.parts, (first, second), strict=True))
        ]
        target.write_bytes(b"".join(path.read_bytes() for path in paths))
        return target

    def truth(self, name: str) -> list[NDArray[np.int16]]:
        """Decode what was put together, each part by itself."""
        return [decode(self.folder / f"{number}_{name}") for number in range(2)]

    async def probe(self, path: Path) -> Recording:
        return await self.access.probe(self.server.add(path.name, path))

    async def read(self, path: Path) -> Samples:
        return await self.whole(await self.probe(path))

    async def whole(self, recording: Recording) -> Samples:
        """Extract a recording as a splitter does."""
        assert recording.is_sequential
        span = Span(0, recording.duration_samples)
        async with self.access.extract(recording, span, to_end=True) as extraction:
            samples = np.concatenate([block async for block in extraction])
            assert extraction.warnings == []
        return samples


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two recordings of lengths that are no whole seconds."""
    folder = tmp_path_factory.mktemp("sequential")
    speech = joined_speech(folder / "speech.wav", 2 * _DURATION_S).path
    first = encode(speech, folder / "first.wav", "-t", f"{_DURATION_S + 0.37}")
    return first, encode(speech, folder / "second.wav", "-ss", f"{_DURATION_S + 0.37}")


@pytest.fixture
async def bench(parts: tuple[Path, Path], tmp_path: Path) -> AsyncIterator[Bench]:
    async with RangeServer() as server, MediaAccess(LOOPBACK, _LIMITS) as access:
        yield Bench(parts, server, access, tmp_path)


def holds(samples: Samples, truth: list[Samples]) -> None:
    """Check that samples are those of all parts, one behind the other."""
    found = compare(samples, np.concatenate(truth), [0, len(truth[0])])
    # What encoders put before the first sample may be left out of the first part alone.
    assert abs(found.offset_ms) < 8
    assert abs(found.lost_samples) < 0.008 * SAMPLE_RATE
    assert np.array_equal(samples[: len(truth[0]) - 1600], truth[0][:-1600])


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("aac.ts", ("-ar", "48000", "-ac", "2", "-c:a", "aac", "-aac_pns", "0")),
        ("mp2.ts", ("-ar", "48000", "-b:a", "96k")),
        ("opus.ogg", ("-c:a", "libopus", "-b:a", "64k")),
        ("vorbis.ogg", ("-ar", "44100", "-c:a", "libvorbis")),
        ("flac.oga", ("-ar", "44100", "-c:a", "flac")),
        ("a.flac", ("-ar", "44100")),
        ("opus.webm", ("-c:a", "libopus", "-b:a", "64k")),
        ("live.webm", ("-c:a", "libopus", "-b:a", "64k", "-live", "1")),
        ("aac.mkv", _AAC),
        ("live.mkv", (*_AAC, "-live", "1")),
        ("a.mp4", (*_AAC, *_FRAGMENTS)),
    ],
)
async def test_all_of_several_recordings_in_one_file_is_decoded(
    bench: Bench, name: str, options: Options
) -> None:
    path = bench.joined(name, options, options)
    recording = await bench.probe(path)
    assert recording.strategy is Strategy.JOINED
    assert not recording.duration_is_exact
    holds(await bench.whole(recording), bench.truth(name))
    assert bench.server.document(name).bytes_sent < 1.15 * path.stat().st_size + _LOOKS_BYTES


@pytest.mark.parametrize("lengths_s", [(10, 12), (12, 8)])
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("opus.ogg", ("-c:a", "libopus", "-b:a", "16k")),
        ("opus.webm", ("-c:a", "libopus", "-b:a", "16k", "-live", "1")),
        ("aac.ts", ("-c:a", "aac", "-aac_pns", "0", "-b:a", "24k")),
        ("a.flac", ("-ar", "8000")),
    ],
)
async def test_short_recordings_in_one_file_are_not_overlooked(
    bench: Bench, name: str, options: Options, lengths_s: tuple[int, int]
) -> None:
    first, second = ((*options, "-t", f"{length_s}") for length_s in lengths_s)
    holds(await bench.read(bench.joined(name, first, second)), bench.truth(name))


async def test_streams_that_were_copied_behind_one_another_too(bench: Bench) -> None:
    one = encode(bench.parts[0], bench.folder / "one.flac")
    # One head, then frames.
    path = repeated(one, bench.folder / "two.flac", 2 * _DURATION_S)
    samples = await bench.read(path)
    once = decode(one)
    assert len(samples) > 1.95 * len(once)
    assert np.array_equal(samples, np.concatenate([once, once])[: len(samples)])


@pytest.mark.parametrize(
    ("name", "first", "second"),
    [
        ("a.ogg", ("-c:a", "libopus"), ("-ac", "2", "-c:a", "libopus")),
        (
            "a.ogg",
            ("-ar", "44100", "-c:a", "libvorbis"),
            ("-ar", "48000", "-ac", "2", "-c:a", "libvorbis"),
        ),
        ("a.ts", ("-ar", "48000", "-ac", "2", "-c:a", "aac"), ("-ar", "44100", "-c:a", "aac")),
        ("a.mp4", (*_AAC, *_FRAGMENTS), (*_AAC, "-b:a", "32k", *_FRAGMENTS)),
    ],
)
async def test_another_rate_or_more_channels_behind_a_join_come_out_right(
    bench: Bench, name: str, first: Options, second: Options
) -> None:
    samples = await bench.read(bench.joined(name, first, second))
    # AAC with noise is not the same in each place.
    truth = bench.truth(name)
    found = compare(samples, np.concatenate(truth), [0, len(truth[0])])
    assert abs(found.offset_ms) < 8
    assert abs(found.lost_samples) < 0.008 * SAMPLE_RATE


@pytest.mark.parametrize(
    ("name", "first", "second"),
    [
        ("a.flac", ("-ar", "44100"), ("-ar", "48000")),
        ("a.mkv", _AAC, ("-ar", "48000", "-ac", "2", "-c:a", "aac")),
        ("live.mkv", (*_AAC, "-live", "1"), ("-ar", "48000", "-c:a", "aac", "-live", "1")),
        ("a.mkv", _AAC, ("-c:a", "libopus")),
        ("a.webm", ("-ar", "44100", "-c:a", "libvorbis"), ("-c:a", "libopus")),
        ("a.ogg", ("-c:a", "libopus"), ("-c:a", "libvorbis")),
        ("a.ts", ("-ar", "48000", "-c:a", "aac"), ("-ar", "48000", "-c:a", "mp2")),
        (
            "a.ts",
            ("-ar", "48000", "-c:a", "aac"),
            ("-ar", "48000", "-c:a", "aac", "-mpegts_start_pid", "0x200"),
        ),
        ("a.mp4", (*_AAC, *_FRAGMENTS), ("-ar", "48000", "-c:a", "aac", *_FRAGMENTS)),
        # With an edit list, ffmpeg begins with the first part again.
        (
            "a.mp4",
            (*_AAC, *_FRAGMENTS[2:], "-movflags", "delay_moov"),
            (*_AAC, *_FRAGMENTS[2:], "-movflags", "delay_moov"),
        ),
    ],
)
async def test_parts_that_would_not_all_be_heard_are_refused(
    bench: Bench, name: str, first: Options, second: Options
) -> None:
    recording = await bench.probe(bench.joined(name, first, second))
    with pytest.raises(FanscribeError) as refused:
        await bench.whole(recording)
    assert refused.value.reason is Reason.MEDIA_UNREADABLE
    assert "several recordings" in refused.value.message


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.ac3", ("-ar", "48000", "-ac", "2", "-b:a", "192k")),
        ("a.eac3", ("-ar", "48000", "-b:a", "96k")),
        ("a.dts", _DTS),
        ("a.flv", ("-ar", "44100", "-c:a", "libmp3lame")),
        ("a.wv", ("-ar", "44100")),
    ],
)
async def test_what_nothing_leads_into_is_read_once(
    bench: Bench, name: str, options: Options
) -> None:
    path = encode(bench.parts[0], bench.folder / name, *options)
    recording = await bench.probe(path)
    assert recording.strategy is Strategy.SEQUENTIAL
    probed = bench.server.document(name).bytes_sent
    assert np.array_equal(await bench.whole(recording), decode(path))
    assert bench.server.document(name).bytes_sent - probed == path.stat().st_size


async def test_a_host_that_fails_midway_is_told_of(bench: Bench) -> None:
    path = bench.joined("a.flac", ("-ar", "44100"), ("-ar", "44100"))
    recording = await bench.probe(path)
    faults, middle = bench.server.document(path.name).faults, path.stat().st_size // 2
    faults.append(Fault(status=503, first_byte_from=middle))
    with pytest.raises(FanscribeError) as failed:
        await bench.whole(recording)
    assert failed.value.reason is Reason.MEDIA_HOST_UNAVAILABLE
    # One that passes does not show.
    faults[:] = [Fault(reset_after_bytes=50_000, times=1, first_byte_from=middle)]
    holds(await bench.whole(recording), bench.truth(path.name))


async def test_a_decoder_that_ends_early_is_told_of(bench: Bench) -> None:
    recording = await bench.probe(encode(bench.parts[0], bench.folder / "a.dts", *_DTS))
    assert not recording.duration_is_exact  # nothing tells that there should be more

    async def interrupt(extraction: Extraction) -> None:
        async for _ in extraction:
            # It ends in good order: all that it has decoded is written.
            for child in psutil.Process().children(recursive=True):
                if child.name() == "ffmpeg":
                    child.terminate()

    async with bench.access.extract(recording, Span(0, 0), to_end=True) as extraction:
        with pytest.raises(FanscribeError) as failed:
            await interrupt(extraction)
    assert failed.value.reason is Reason.MEDIA_TRUNCATED
    assert "breaks off" in failed.value.message


async def test_a_recording_that_tells_more_than_there_is_breaks_off(bench: Bench) -> None:
    path = encode(bench.parts[0], bench.folder / "a.wv")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    recording = await bench.probe(path)
    with pytest.raises(FanscribeError) as failed:
        await bench.whole(recording)
    assert failed.value.reason is Reason.MEDIA_TRUNCATED
