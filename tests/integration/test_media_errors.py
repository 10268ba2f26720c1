"""What is refused at a URL, and for what reason."""

import io
import random
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from fanscribe.media.access import MediaAccess
from fanscribe.media.extraction import Extraction
from fanscribe.media.limits import MediaLimits
from fanscribe.media.policy import SourcePolicy
from fanscribe.media.timeline import SAMPLE_RATE, Span
from fanscribe.runtime.errors import FanscribeError, Reason
from tests.support.audio import decode, encode, english_clips, joined_speech, silence
from tests.support.policies import LOOPBACK
from tests.support.range_server import Fault, RangeServer

LIMITS = MediaLimits(attempts=3, backoff_s=0.01, backoff_max_s=0.02, stall_timeout_s=0.5)
CLIP = english_clips()[0].path


@pytest.fixture
async def server() -> AsyncIterator[RangeServer]:
    async with RangeServer() as server:
        yield server


@pytest.fixture
async def access() -> AsyncIterator[MediaAccess]:
    async with MediaAccess(LOOPBACK, LIMITS) as access:
        yield access


async def refusal(access: MediaAccess, url: str) -> FanscribeError:
    with pytest.raises(FanscribeError) as refused:
        await access.probe(url)
    return refused.value


async def consume(extraction: Extraction) -> int:
    return sum([len(block) async for block in extraction])


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Fault(status=401), Reason.MEDIA_ACCESS_DENIED),
        (Fault(status=403), Reason.MEDIA_ACCESS_DENIED),
        (Fault(status=404), Reason.MEDIA_NOT_FOUND),
        (Fault(status=410), Reason.MEDIA_NOT_FOUND),
        (Fault(status=418), Reason.MEDIA_UNREADABLE),
        (Fault(status=429, headers={"Retry-After": "0"}), Reason.MEDIA_HOST_UNAVAILABLE),
        (Fault(status=500), Reason.MEDIA_HOST_UNAVAILABLE),
        (Fault(status=503), Reason.MEDIA_HOST_UNAVAILABLE),
        (Fault(stall_after_bytes=0), Reason.MEDIA_HOST_UNAVAILABLE),
        (Fault(reset_after_bytes=0), Reason.MEDIA_HOST_UNAVAILABLE),
        (Fault(ignore_range=True), Reason.MEDIA_RANGE_UNSUPPORTED),
        (Fault(content_range="bytes 1-1/100"), Reason.MEDIA_RANGE_UNSUPPORTED),
        (Fault(content_range="bytes 0-0/*"), Reason.MEDIA_RANGE_UNSUPPORTED),
        (Fault(content_range="nonsense"), Reason.MEDIA_RANGE_UNSUPPORTED),
        (Fault(headers={"Content-Encoding": "gzip"}), Reason.MEDIA_RANGE_UNSUPPORTED),
        (Fault(redirect="file:///etc/passwd"), Reason.MEDIA_URL_INVALID),
        (Fault(redirect="http://169.254.169.254/latest"), Reason.MEDIA_URL_FORBIDDEN),
        (Fault(redirect="http://[::1]/"), Reason.MEDIA_URL_FORBIDDEN),
        (Fault(redirect="/clip"), Reason.MEDIA_UNREADABLE),  # to itself, for ever
    ],
    ids=lambda value: str(value) if isinstance(value, Reason) else None,
)
async def test_answers_that_are_refused(
    server: RangeServer, access: MediaAccess, fault: Fault, reason: Reason
) -> None:
    url = server.add("clip", CLIP, faults=[fault])
    assert (await refusal(access, url)).reason is reason


@pytest.mark.parametrize("options", [("-b:a", "64k"), ("-q:a", "5")])
async def test_mp3_files_put_one_behind_the_other_are_one_recording(
    server: RangeServer, access: MediaAccess, tmp_path: Path, options: tuple[str, ...]
) -> None:
    speech = joined_speech(tmp_path / "speech.wav", 20).path
    one = encode(speech, tmp_path / "one.mp3", *options).read_bytes()
    recording = await access.probe(server.add("two.mp3", one * 2))
    async with access.extent(recording) as extent:
        end = await extent.end()
    whole = decode(tmp_path / "one.mp3")
    assert abs(end - 2 * len(whole)) < 0.2 * SAMPLE_RATE
    span = Span(len(whole) + 5 * SAMPLE_RATE, end)
    async with access.extract(recording, span, to_end=True) as extraction:
        assert abs(await consume(extraction) - span.samples) < 0.2 * SAMPLE_RATE


async def test_a_host_that_is_not_there(access: MediaAccess) -> None:
    async with RangeServer() as gone:
        url = gone.url("clip")
    assert (await refusal(access, url)).reason is Reason.MEDIA_HOST_UNAVAILABLE
    error = await refusal(access, "http://does-not-exist.invalid/clip")
    assert error.reason is Reason.MEDIA_HOST_UNAVAILABLE


async def test_a_redirect_is_followed_again_for_every_request(
    server: RangeServer, access: MediaAccess
) -> None:
    server.add("clip", CLIP)
    url = server.add("moved", b"", faults=[Fault(redirect="/clip")])
    recording = await access.probe(url)
    async with access.extract(recording, Span(0, SAMPLE_RATE)) as extraction:
        assert await consume(extraction) == SAMPLE_RATE
    assert recording.source.url == url


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
async def test_private_addresses_are_refused_by_name_and_by_number(
    server: RangeServer, host: str
) -> None:
    url = server.add("clip", CLIP).replace("127.0.0.1", host)
    async with MediaAccess(SourcePolicy(), LIMITS) as access:
        assert (await refusal(access, url)).reason is Reason.MEDIA_URL_FORBIDDEN
    assert server.document("clip").requests == 0


ZIP_FILE = io.BytesIO()
with zipfile.ZipFile(ZIP_FILE, "w") as archive:
    archive.write(CLIP, "clip.wav")
ZIP = ZIP_FILE.getvalue()
PLAYLIST = b"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n%s\n#EXT-X-ENDLIST\n"
DASH = (
    b'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><BaseURL>%s</BaseURL></MPD>'
)
CONCAT = b"ffconcat version 1.0\nfile '%s'\n"
SDP = b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=%s\r\nc=IN IP4 127.0.0.1\r\nm=audio 5004 RTP/AVP 0\r\n"
SMOOTH = b'<SmoothStreamingMedia MajorVersion="2"><StreamIndex Url="%s"/></SmoothStreamingMedia>'


@pytest.mark.parametrize(
    "text",
    [
        *(PLAYLIST, DASH, CONCAT, SDP, SMOOTH, b"%s\n"),
        # Not text, in the hope of getting past whoever looks for that.
        PLAYLIST.replace(b"#EXTM3U", b"#EXTM3U\0"),
        PLAYLIST + bytes(2000),
        CONCAT.replace(b"1.0", b"1.0\0"),
        b"ID3\x04\0\0\0\0\0\0" + PLAYLIST,
        b"\0\1" + SDP,
    ],
)
async def test_playlists_are_refused_and_never_followed(
    server: RangeServer, access: MediaAccess, text: bytes
) -> None:
    secret = server.add("secret", CLIP)
    url = server.add("list", text % secret.encode())
    assert (await refusal(access, url)).reason is Reason.MEDIA_UNREADABLE
    assert server.document("secret").requests == 0


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"x",
        b"<!doctype html><html><body>Sign in to continue</body></html>",
        "Übung macht den Meister. ".encode() * 500,
        bytes(100_000),
        bytes(range(256)) * 400,
        ZIP,
        *(random.Random(seed).randbytes(200_000) for seed in range(8)),
        b"ID3\x04\x00\x00\x00\x00\x00\x00" + bytes(5000),
    ],
)
async def test_what_is_not_media(server: RangeServer, access: MediaAccess, content: bytes) -> None:
    assert (await refusal(access, server.add("a.mp3", content))).reason is Reason.MEDIA_UNREADABLE


INNER = ["file:///etc/passwd", "concat:/etc/passwd|/etc/hosts", "/etc/passwd", "tcp://127.0.0.1:%d"]


@pytest.mark.parametrize("inner", INNER)
@pytest.mark.parametrize("text", [PLAYLIST, DASH, CONCAT])
async def test_playlists_of_other_things_are_refused(
    server: RangeServer, access: MediaAccess, text: bytes, inner: str
) -> None:
    url = server.add("list.m3u8", text.replace(b"%s", inner.encode()))
    assert (await refusal(access, url)).reason is Reason.MEDIA_UNREADABLE
    assert server.document("list.m3u8").requests <= 3


@pytest.mark.parametrize(
    "url",
    ["file:///etc/passwd", "concat:a|b", "/etc/passwd", "data:audio/wav;base64,AA", "rtp://a/"],
)
async def test_only_web_addresses_are_taken(access: MediaAccess, url: str) -> None:
    assert (await refusal(access, url)).reason is Reason.MEDIA_URL_INVALID


async def test_a_picture_without_sound(
    server: RangeServer, access: MediaAccess, tmp_path: Path
) -> None:
    picture = ("-f", "lavfi", "-i", "color=size=64x64:rate=5:duration=2")
    path = encode(CLIP, tmp_path / "a.mp4", *picture, "-map", "1", "-c:v", "mpeg4")
    error = await refusal(access, server.add("a.mp4", path))
    assert error.reason is Reason.MEDIA_NO_AUDIO


async def test_sound_of_no_length(server: RangeServer, access: MediaAccess, tmp_path: Path) -> None:
    path = silence(tmp_path / "empty.wav", 0.0)
    error = await refusal(access, server.add("empty.wav", path))
    assert error.reason is Reason.MEDIA_UNREADABLE


@pytest.mark.parametrize("name", ["a.wav", "a.mp3", "a.flac", "a.ogg", "a.m4a", "a.mkv"])
@pytest.mark.parametrize("to_end", [False, True])
async def test_a_recording_that_breaks_off(
    server: RangeServer, access: MediaAccess, tmp_path: Path, name: str, to_end: bool
) -> None:
    options = ("-movflags", "+faststart") if name == "a.m4a" else ()
    content = encode(CLIP, tmp_path / name, "-ac", "1", *options).read_bytes()
    whole = await access.probe(server.add("whole", content))
    half = await access.probe(server.add("half", content[: len(content) * 2 // 3]))
    span = Span(SAMPLE_RATE, whole.duration_samples)
    async with access.extract(half, span, to_end=to_end) as extraction:
        with pytest.raises(FanscribeError) as refused:
            await consume(extraction)
    assert refused.value.reason is Reason.MEDIA_TRUNCATED
