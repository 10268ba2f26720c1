"""Recordings with several audio streams: the right one is read, exactly."""

from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from fanscribe.media.access import MediaAccess
from fanscribe.media.streams import StreamChoice
from fanscribe.media.timeline import SAMPLE_RATE, Span
from fanscribe.runtime.errors import FanscribeError, Reason
from tests.support.audio import decode, encode, english_clips
from tests.support.policies import LOOPBACK
from tests.support.range_server import RangeServer

CLIPS = [clip.path for clip in english_clips()[:3]]


@pytest.fixture
async def access() -> AsyncIterator[MediaAccess]:
    async with MediaAccess(LOOPBACK) as access:
        yield access


@pytest.fixture(scope="module", params=["a.mkv", "a.mp4", "a.ts"])
def film(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture first, then speech in three streams; the second one is the default."""
    picture = ["-f", "lavfi", "-i", "color=size=64x64:rate=5:duration=5"]
    more = [part for clip in CLIPS[1:] for part in ("-i", str(clip))]
    maps = [part for number in (1, 0, 2, 3) for part in ("-map", str(number))]
    languages = [
        part
        for number, code in enumerate(("eng", "deu", "por"))
        for part in (f"-metadata:s:a:{number}", f"language={code}")
    ]
    chosen = ["-disposition:a:0", "0", "-disposition:a:1", "default", "-disposition:a:2", "0"]
    codecs = ["-c:v", "mpeg4", "-c:a", "aac", "-aac_pns", "0", "-ac", "1"]
    target = tmp_path_factory.mktemp("film") / request.param
    return encode(CLIPS[0], target, *picture, *more, *maps, *languages, *chosen, *codecs)


@pytest.mark.parametrize(
    ("choice", "position"),
    [
        (StreamChoice(), 1),
        (StreamChoice(position=0), 0),
        (StreamChoice(language="de"), 1),
        (StreamChoice(language="pt-BR"), 2),
    ],
)
async def test_the_stream_that_is_meant_is_read(
    access: MediaAccess, film: Path, choice: StreamChoice, position: int
) -> None:
    if film.suffix == ".ts" and choice == StreamChoice():
        position = 0  # transport streams call none the default
    async with RangeServer() as server:
        recording = await access.probe(server.add("film", film), choice=choice)
        span = Span(SAMPLE_RATE, 2 * SAMPLE_RATE)
        async with access.extract(recording, span) as extraction:
            samples = np.concatenate([block async for block in extraction])
    assert (recording.audio_stream, recording.stream_index) == (position, position + 1)
    truth = decode(film, position + 1)[span.start_sample : span.end_sample]
    assert np.abs(samples.astype(int) - truth).max() <= 1


async def test_a_stream_that_is_not_there(access: MediaAccess, film: Path) -> None:
    async with RangeServer() as server:
        url = server.add("film", film)
        for choice in (StreamChoice(position=3), StreamChoice(language="fr")):
            with pytest.raises(
                FanscribeError, match=r"audio streams are: 0 \(aac, 1 ch"
            ) as refused:
                await access.probe(url, choice=choice)
            assert refused.value.reason is Reason.OPTION_OUT_OF_RANGE
