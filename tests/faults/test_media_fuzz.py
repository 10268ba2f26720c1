"""Damaged recordings of every kind: samples or the right error, no hang, no stray request."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import psutil
import pytest
from aiohttp import web

from fanscribe.media.access import MediaAccess
from fanscribe.media.limits import MediaLimits
from fanscribe.media.recording import Recording
from fanscribe.media.timeline import SAMPLE_RATE, Span
from fanscribe.runtime.errors import FanscribeError, Reason
from tests.support.audio import joined_speech
from tests.support.formats import BY_NAME, make
from tests.support.mutations import mutated
from tests.support.policies import LOOPBACK
from tests.support.polling import eventually
from tests.support.range_server import RangeServer

_NAMES: Final = (
    "pcm_16k.wav",
    "mono.flac",
    "vbr.mp3",
    "adts.aac",
    "faststart.m4a",
    "fragments_sidx.mp4",
    "fragments_without_index.mp4",
    "opus.ogg",
    "live.webm",
    "cues.mkv",
    "aac.ts",
    "mp3.avi",
    "wma2.wma",
)
_LIMITS: Final = MediaLimits(probe_deadline_s=3.0, extract_deadline_s=3.0, scan_deadline_s=3.0)
# Far beyond both deadlines: whatever is not over by then hangs.
_HANG_S: Final = 40.0
# Damaged time stamps can tell of days of silence; nobody listens that long.
_LONGEST_SAMPLES: Final = 60 * SAMPLE_RATE


class Trap:
    """A web server that nobody has any business with."""

    def __init__(self) -> None:
        self.connections = 0

    async def __aenter__(self) -> "Trap":
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._server.wait_closed()

    def _connected(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        writer.close()

    def baits(self) -> list[bytes]:
        """What formats hold that name other files, all of them naming the trap."""
        url = f"http://127.0.0.1:{self._port}/secret"
        entry = url.encode() + b"\0"
        reference = b"url \0\0\0\0" + entry
        alias = len(reference) + 4
        return [
            url.encode(),
            alias.to_bytes(4, "big") + reference,
            b"dref\0\0\0\0\0\0\0\1" + alias.to_bytes(4, "big") + reference,
            f"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n{url}.ts\n#EXT-X-ENDLIST\n".encode(),
            f"ffconcat version 1.0\nfile '{url}'\n".encode(),
            f"RTSPtextRTSP://127.0.0.1:{self._port}/".encode(),
            f"<MPD><BaseURL>{url}</BaseURL></MPD>".encode(),
            b"file:///etc/passwd\0",
        ]


@pytest.fixture(scope="module")
def contents(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("fuzz")
    speech = joined_speech(folder / "speech.wav", 5)
    paths: dict[str, Path] = {name: make(BY_NAME[name], speech.path, folder) for name in _NAMES}
    return {name: path.read_bytes() for name, path in paths.items()}


@pytest.fixture
async def trap() -> AsyncIterator[Trap]:
    async with Trap() as trap:
        yield trap


@pytest.mark.parametrize("name", _NAMES)
@pytest.mark.parametrize(
    ("first_seed", "seeds"),
    [(0, 10), pytest.param(1_000, 150, marks=[pytest.mark.slow, pytest.mark.timeout(1_800)])],
)
async def test_damaged_heads_lead_nowhere(
    contents: dict[str, bytes], trap: Trap, name: str, first_seed: int, seeds: int
) -> None:
    asked: set[str] = set()

    def note(request: web.Request) -> None:
        asked.add(request.path)

    async with RangeServer(guard=note) as server, MediaAccess(LOOPBACK, _LIMITS) as access:
        others = [content[:512] for other, content in contents.items() if other != name]
        for seed in range(first_seed, first_seed + seeds):
            damaged = mutated(seed, contents[name], [*trap.baits(), *others])
            url = server.add(f"{seed}", damaged)
            try:
                reason = await asyncio.wait_for(_read(access, url), _HANG_S)
            except Exception as error:
                error.add_note(f"seed {seed} of {name}")
                raise
            assert reason is None or reason.startswith("MEDIA_"), f"seed {seed}"
            assert asked == {f"/{seed}"}, f"seed {seed}"
            asked.clear()
        await eventually(lambda: server.open_requests == 0, "all requests have ended")
        await eventually(lambda: not _children(), "no ffmpeg is left running")
    assert trap.connections == 0


async def _read(access: MediaAccess, url: str) -> Reason | None:
    """Read the beginning of a recording, then from somewhere in it to its end; tell what fails."""
    try:
        recording = await access.probe(url)
        duration = recording.duration_samples
        await _extract(access, recording, Span(0, min(duration, 2 * SAMPLE_RATE)), to_end=False)
        start = min(duration, 3 * SAMPLE_RATE + 7)
        await _extract(access, recording, Span(start, max(start, duration)), to_end=True)
        async with access.extent(recording) as extent:
            await extent.end()
    except FanscribeError as error:
        return error.reason
    return None


async def _extract(access: MediaAccess, recording: Recording, span: Span, *, to_end: bool) -> None:
    samples = 0
    async with access.extract(recording, span, to_end=to_end) as extraction:
        async for block in extraction:
            samples += len(block)
            if samples > _LONGEST_SAMPLES:
                return
    # What can only be read from its start is read to its end, whatever is asked for.
    assert to_end or recording.is_sequential or samples == span.samples


def _children() -> list[str]:
    processes = psutil.Process().children(recursive=True)
    return [process.name() for process in processes if process.name().startswith("ff")]
