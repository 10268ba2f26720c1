"""Jobs on recordings that are decoded in one go: orchestrator and splitters as they are."""

import asyncio
import zlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from fanscribe.media.access import MediaAccess
from fanscribe.media.limits import KIB, MediaLimits
from fanscribe.media.recording import Strategy
from fanscribe.media.timeline import Span, ms_of
from fanscribe.orchestrator.options import Options
from fanscribe.runtime.errors import FanscribeError, Reason
from fanscribe.splitter.transcription import ModelOptions, TextSegment, Transcript, Word
from tests.support.audio import decode, encode, joined_speech, write_wav
from tests.support.job_runs import run_job
from tests.support.policies import LOOPBACK
from tests.support.range_server import Fault, RangeServer

_OPTIONS = Options(30, 5, "en", False, False, "")
_DURATION_S = 70


@dataclass
class Listener:
    """A model whose text tells which samples it was given. It may break, once."""

    breaks_after: int = 1_000_000
    mishears: int = 0  # so many of the first ones, unless told the language
    stands_still: int = 0  # for two seconds each, so many of the first ones
    permits: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(4))
    heard: int = 0

    async def transcribe(
        self, audio: NDArray[np.int16], options: ModelOptions, speech: Sequence[Span] | None
    ) -> Transcript:
        self.heard += 1
        await asyncio.sleep(2 if self.heard <= self.stands_still else 0)
        if self.heard > self.breaks_after:
            self.breaks_after = 1_000_000
            raise FanscribeError(Reason.INFERENCE_UNAVAILABLE, "the model is gone")
        heard = "fr" if self.heard <= self.mishears else "en"
        name = f"{zlib.crc32(audio.tobytes()):08x}"
        length_ms = ms_of(len(audio))
        segment = TextSegment(0, length_ms, name, -0.1, 0, 1, (Word(0, length_ms, name, 1),))
        language = options.language or heard
        return Transcript(language, 0.95, (segment,), truncated=False, wordless_ms=0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Holds several recordings in a file, and one in AC-3."""
    folder = tmp_path_factory.mktemp("sequential")
    spoken = joined_speech(folder / "spoken.wav", _DURATION_S).path
    speech = encode(spoken, folder / "speech.wav", "-ar", "48000")
    parts = [
        encode(speech, folder / "1.flac", "-t", "33.3"),
        encode(speech, folder / "2.flac", "-ss", "33.3"),
    ]
    (folder / "joined.flac").write_bytes(b"".join(part.read_bytes() for part in parts))
    encode(speech, folder / "speech.ac3", "-b:a", "192k")
    write_wav(folder / "decoded.wav", decode(folder / "speech.ac3"))
    return folder


@pytest.fixture
async def host(folder: Path) -> AsyncIterator[RangeServer]:
    async with RangeServer(folder) as host:
        yield host


@pytest.fixture
async def media() -> AsyncIterator[MediaAccess]:
    async with MediaAccess(LOOPBACK, MediaLimits(attempts=2, backoff_s=0.01)) as media:
        yield media


@dataclass(frozen=True)
class Case:
    """A recording, and a wav of the same samples."""

    name: str
    same: str
    strategy: Strategy
    warning: str


@pytest.mark.parametrize(
    "case",
    [
        Case("joined.flac", "speech.wav", Strategy.JOINED, "several recordings"),
        Case("speech.ac3", "decoded.wav", Strategy.SEQUENTIAL, "nothing leads into the middle"),
    ],
    ids=lambda case: case.name,
)
async def test_the_text_is_that_of_all_the_audio(
    host: RangeServer, media: MediaAccess, case: Case
) -> None:
    run = await run_job(media, host.url(case.name), [Listener(), Listener()], _OPTIONS)
    planned, completed = run.planned, run.completed
    assert planned.recording.strategy is case.strategy
    assert planned.macro_chunks == completed.macro_chunks == completed.macro_chunk_attempts == 1
    (warning,) = completed.warnings
    assert case.warning in warning
    labels = {"strategy": str(case.strategy)}
    assert run.registry.get_sample_value("fanscribe_recordings_total", labels) == 1
    # One chunk of a wav with the same samples is cut in the same places.
    options = Options(3600, 5, "en", False, False, "")
    plain = await run_job(media, host.url(case.same), [Listener()], options)
    assert plain.planned.recording.strategy is Strategy.SPANS
    assert plain.completed.warnings == ()
    assert completed.duration_samples == plain.completed.duration_samples
    assert run.text == plain.text


@pytest.mark.parametrize("name", ["joined.flac", "speech.ac3"])
async def test_another_attempt_neither_doubles_nor_loses_text(
    host: RangeServer, media: MediaAccess, name: str
) -> None:
    calm = await run_job(media, host.url(name), [Listener()], _OPTIONS)
    model = Listener(breaks_after=8)
    run = await run_job(media, host.url(name), [model], _OPTIONS, attempts=3)
    assert run.completed.macro_chunk_attempts == 2
    assert run.text == calm.text
    assert run.completed.transcribed_samples == calm.completed.transcribed_samples
    # Text that was told before is not made again, but for what is joined with its neighbour.
    assert model.heard < 1.5 * len(calm.text) + 8


async def test_what_was_misheard_is_made_again(host: RangeServer, media: MediaAccess) -> None:
    calm = await run_job(media, host.url("joined.flac"), [Listener()], _OPTIONS)
    options = Options(30, 5, "", False, False, "")
    run = await run_job(media, host.url("joined.flac"), [Listener(mishears=2)], options)
    assert run.languages == {"en"}
    assert run.completed.macro_chunk_attempts == 2
    assert run.text == calm.text
    # It was misheard at the beginning: the rest is not decoded again.
    size_bytes = run.planned.recording.source.size_bytes
    assert run.completed.bytes_fetched < calm.completed.bytes_fetched + 0.6 * size_bytes


@pytest.mark.parametrize("block_bytes", [32 * KIB, 4096 * KIB])
async def test_ffmpeg_may_stand_still_for_longer_than_any_deadline(
    folder: Path, media: MediaAccess, block_bytes: int
) -> None:
    # Far less than the model takes. A host that closes what is idle, between blocks; and one whose
    # answer is not taken, within a block.
    limits = MediaLimits(
        attempts=1,
        stall_timeout_s=1,
        least_bytes_per_s=100 * KIB,
        pace_window_s=1,
        probe_deadline_s=5,
        extract_deadline_s=5,
        scan_deadline_s=5,
        block_min_bytes=block_bytes,
    )
    options = Options(30, 10, "en", False, False, "")
    slow = Listener(stands_still=4, permits=asyncio.Semaphore(1))
    async with RangeServer(folder, keepalive_s=0.5) as host, MediaAccess(LOOPBACK, limits) as door:
        calm = await run_job(media, host.url("joined.flac"), [Listener()], options)
        run = await run_job(door, host.url("joined.flac"), [slow], options)
    assert run.completed.macro_chunk_attempts == 1
    assert run.completed.elapsed_s > limits.for_whole().extract_deadline_s
    assert run.text == calm.text


async def test_a_host_that_fails_midway_fails_the_job(
    host: RangeServer, media: MediaAccess, folder: Path
) -> None:
    content = (folder / "speech.ac3").read_bytes()
    fault = Fault(status=503, first_byte_from=len(content) // 2)
    url = host.add("failing.ac3", content, faults=[fault])
    with pytest.raises(FanscribeError) as failed:
        await run_job(media, url, [Listener()], _OPTIONS, attempts=2)
    assert failed.value.reason is Reason.MEDIA_HOST_UNAVAILABLE
