"""Every format of the matrix: read in spans, it is the recording, at the promised cost."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import numpy as np
import pytest

from fanscribe.media.access import MediaAccess
from fanscribe.media.limits import KIB
from fanscribe.media.timeline import SAMPLE_RATE
from tests.support.audio import Speech, decode, joined_speech
from tests.support.comparison import compare
from tests.support.formats import BY_NAME, FORMATS, Format, make, truth
from tests.support.policies import LOOPBACK
from tests.support.range_server import RangeServer
from tests.support.spans import extract_all, plan

_DURATION_S: Final = 60
_MACRO_SAMPLES: Final = 17 * SAMPLE_RATE
_REACH_SAMPLES: Final = SAMPLE_RATE
# On its way when ffmpeg seeks elsewhere; nothing beside fifty minutes, much beside one.
_UNDER_WAY_BYTES: Final = 768 * KIB

# AC-3 comes out 256 samples of its own rate late, and no container tells.
_CODEC_DELAY_SAMPLES: Final = 128


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("formats")


@pytest.fixture(scope="module")
def speech(folder: Path) -> Speech:
    return joined_speech(folder / "speech.wav", _DURATION_S)


@pytest.fixture(scope="module")
async def server(folder: Path) -> AsyncIterator[RangeServer]:
    async with RangeServer(folder) as server:
        yield server


@pytest.fixture
async def access() -> AsyncIterator[MediaAccess]:
    async with MediaAccess(LOOPBACK) as access:
        yield access


@pytest.mark.parametrize("wanted", FORMATS, ids=lambda one: one.name)
async def test_spans_joined_are_the_recording(
    wanted: Format, speech: Speech, folder: Path, server: RangeServer, access: MediaAccess
) -> None:
    path = make(wanted, speech.path, folder)
    whole = truth(wanted, path)

    recording = await access.probe(server.url(wanted.name))
    assert recording.stream_index == wanted.stream_index
    planned = await plan(access, recording, _MACRO_SAMPLES, _REACH_SAMPLES)
    pieces = await extract_all(access, planned)

    spans = [chunk.span for chunk in planned.chunks]
    assert len(spans) == 1 if wanted.sequential else len(spans) > 2
    assert [len(piece) for piece in pieces[:-1]] == [span.samples for span in spans[:-1]]
    found = compare(np.concatenate(pieces), whole, planned.starts)
    assert found.places > len(spans)
    assert abs(found.offset_ms) <= wanted.offset_ms
    assert abs(found.lost_samples) <= wanted.offset_ms * SAMPLE_RATE / 1000
    assert wanted.exactness.holds(found.exact_share, found.close_share), found
    fetched = server.document(wanted.name).bytes_sent
    assert fetched <= wanted.byte_bound * path.stat().st_size + _UNDER_WAY_BYTES


@pytest.mark.parametrize("name", ["surround.flac", "surround.m4a", "surround_video.mkv"])
async def test_the_centre_of_six_channels_is_heard(
    name: str, speech: Speech, folder: Path, server: RangeServer, access: MediaAccess
) -> None:
    make(BY_NAME[name], speech.path, folder)
    recording = await access.probe(server.url(name))
    planned = await plan(access, recording, 3600 * SAMPLE_RATE, 0)
    chunk = planned.chunks[0]
    async with access.extract(recording, chunk.span, to_end=True) as extraction:
        samples = np.concatenate([block async for block in extraction])
    voice = decode(speech.path).astype(float)
    length = min(len(samples), len(voice)) - _CODEC_DELAY_SAMPLES
    # Only the centre speaks: not as loud as alone, but well above the murmur.
    gains = [
        (samples[delay:][:length] @ voice[:length]) / (voice[:length] @ voice[:length])
        for delay in range(_CODEC_DELAY_SAMPLES)
    ]
    assert 0.5 <= max(gains) <= 1.1
