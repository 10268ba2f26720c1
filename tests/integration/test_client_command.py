"""The `fanscribe` command against a real gRPC server that plays scripts."""

import asyncio
import json
import signal
import urllib.error
import urllib.request
from email.message import Message
from pathlib import Path

import grpc
import pytest

from fanscribe.client import Options, Task
from fanscribe.runtime.errors import FanscribeError, Reason
from tests.support.command import Ended, Terminal, end_of, run, running
from tests.support.fake_orchestrator import (
    COMPLETED,
    FIRST,
    PLAN,
    SECOND,
    WHOLE_JOB,
    Abort,
    FakeOrchestrator,
    Hold,
    Step,
    fake_orchestrator,
    progress,
)

URL = "https://example.org/talk.mp3"


async def run_script(*script: Step, arguments: tuple[str, ...] = ()) -> Ended:
    async with fake_orchestrator(*script) as server:
        return await run("transcribe", URL, "--server", server.address, *arguments)


def files_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.is_file()]


async def test_the_transcript_goes_to_stdout_and_the_rest_to_stderr() -> None:
    ended = await run_script(*WHOLE_JOB)
    assert ended.status == 0
    assert ended.stdout == "The first thing said.\nThe second thing.\n"
    assert "2:00 of pcm_s16le audio in wav" in ended.stderr
    *_, balance, warning = ended.stderr.splitlines()
    assert "15.0x real time" in balance
    assert warning == "warning: the container's length is a guess"


async def test_plain_lines_come_now_and_then() -> None:
    many = [progress(1_000 * second, 100 * second) for second in range(1, 120)]
    ended = await run_script(PLAN, *many, COMPLETED)
    lines = [line for line in ended.stderr.splitlines() if " left" in line]
    assert lines == [
        "0:50 of 2:00 (42%), 10.0x real time, about 7.0 s left",
        "1:40 of 2:00 (83%), 10.0x real time, about 2.0 s left",
    ]
    assert "\x1b" not in ended.stderr


async def test_text_is_streamed() -> None:
    release = asyncio.Event()
    async with (
        fake_orchestrator(PLAN, FIRST, Hold(release), SECOND, COMPLETED) as server,
        running("transcribe", URL, "--server", server.address) as process,
        asyncio.timeout(30),
    ):
        assert process.stdout is not None
        assert await process.stdout.readline() == b"The first thing said.\n"
        release.set()
        assert await process.stdout.readline() == b"The second thing.\n"
        assert (await end_of(process)).status == 0


@pytest.mark.parametrize(
    ("form", "begins"),
    [("srt", "1\n00:00:00,500 --> "), ("vtt", "WEBVTT\n\n00:00:00.500 --> "), ("json", "{\n")],
)
async def test_formats(form: str, begins: str) -> None:
    ended = await run_script(*WHOLE_JOB, arguments=("--format", form))
    assert ended.status == 0
    assert ended.stdout.startswith(begins)


async def test_a_files_suffix_says_its_format(tmp_path: Path) -> None:
    output = tmp_path / "talk.json"
    ended = await run_script(*WHOLE_JOB, arguments=("--output", str(output)))
    assert (ended.status, ended.stdout) == (0, "")
    assert len(json.loads(output.read_text())["segments"]) == 2
    assert files_in(tmp_path) == [output.name]


async def test_a_failure_leaves_the_old_file(tmp_path: Path) -> None:
    output = tmp_path / "talk.txt"
    output.write_text("old")
    failure = FanscribeError(Reason.MEDIA_CHANGED, "the recording changed")
    ended = await run_script(PLAN, FIRST, failure, arguments=("--output", str(output)))
    assert ended.status == 3
    assert output.read_text() == "old"
    assert files_in(tmp_path) == [output.name]


async def test_a_file_that_is_no_regular_file_is_written_as_it_is() -> None:
    ended = await run_script(*WHOLE_JOB, arguments=("--output", "/dev/null"))
    assert ended.status == 0
    assert "null" not in files_in(Path("/dev"))


async def test_options_reach_the_server() -> None:
    async with fake_orchestrator(*WHOLE_JOB) as server:
        ended = await run(
            *("transcribe", URL, "--language", "pt-BR", "--task", "translate"),
            *("--macro-chunk-size-sec", "60", "--micro-chunk-size-sec", "12"),
            *("--word-timestamps", "--initial-prompt", "Dashwood", "--timeout", "50"),
            FANSCRIBE_SERVER=server.address,
        )
    assert ended.status == 0, ended.stderr
    assert Options.from_message(server.requests[0].options) == Options(
        macro_chunk_size_sec=60,
        micro_chunk_size_sec=12,
        language="pt-BR",
        task=Task.TRANSLATE,
        word_timestamps=True,
        initial_prompt="Dashwood",
    )
    deadline_s = server.deadlines_s[0]
    assert deadline_s is not None
    assert 40 < deadline_s < 60


@pytest.mark.parametrize(
    ("failure", "status"),
    [
        (FanscribeError(Reason.MEDIA_URL_INVALID, "no host in it"), 2),
        (FanscribeError(Reason.MEDIA_NOT_FOUND, "the web server answered 404"), 3),
        (FanscribeError(Reason.MEDIA_ACCESS_DENIED, "the web server answered 403"), 4),
        (FanscribeError(Reason.SPLITTERS_UNAVAILABLE, "no splitter answers"), 5),
        (FanscribeError(Reason.QUEUE_FULL, "too many jobs"), 6),
        (Abort(grpc.StatusCode.INTERNAL, "boom"), 1),
    ],
)
async def test_failures_have_messages_and_codes(failure: Step, status: int) -> None:
    ended = await run_script(failure)
    assert ended.status == status
    told = failure.message if isinstance(failure, FanscribeError) else "boom"
    assert told in ended.stderr.splitlines()[-1]
    assert "Traceback" not in ended.stderr


async def test_the_deadline() -> None:
    ended = await run_script(PLAN, Hold(), arguments=("--timeout", "0.5"))
    assert ended.status == 7
    assert "not finished within 0.5 s" in ended.stderr


async def test_a_token_in_the_clear_is_warned_of() -> None:
    where = ("transcribe", URL, "--server", "fanscribe.invalid:1")
    ended = await run(*where, FANSCRIBE_TOKEN="s3cr3t-0123456789")  # noqa: S106
    assert "in the clear; is --tls missing?" in ended.stderr
    assert "s3cr3t" not in ended.stderr


async def test_nobody_there() -> None:
    ended = await run("transcribe", URL, "--server", "127.0.0.1:1")
    assert ended.status == 5
    assert "127.0.0.1:1" in ended.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((URL, "--server", "nowhere"), "HOST:PORT"),
        ((URL, "--server", "localhost:1", "--model", "base"), "--model"),
        (("no-such-file.mp3", "--server", "localhost:1"), "neither an http(s) URL nor a file"),
        (("file:///etc/passwd", "--server", "localhost:1"), "neither an http(s) URL nor a file"),
        ((__file__, "--server", "example.org:50051"), "local file"),
        ((URL, "--output", "/no/such/folder/talk.txt"), "no folder"),
        ((URL, "--micro-chunk-size-sec", "31"), "31"),
        ((URL, "--timeout", "0"), "0"),
        ((URL, "--tls"), "--server says which"),
        ((URL, "--token-file", __file__), "--server says which"),
        ((URL, "--server", "localhost:1", "--cert", __file__), "a certificate and its key go"),
        ((URL, "--server", "localhost:1", "--ca", __file__), "holds no certificates"),
        ((URL, "--server", "localhost:1", "--token-file", "/dev/null"), "--token-file"),
    ],
)
async def test_wrong_usage(arguments: tuple[str, ...], told: str) -> None:
    ended = await run("transcribe", *arguments)
    assert ended.status == 2
    assert told in ended.stderr


@pytest.mark.parametrize(("signal_number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
async def test_a_signal_cancels_the_job(signal_number: int, status: int) -> None:
    async with (
        fake_orchestrator(PLAN, FIRST, Hold()) as server,
        running("transcribe", URL, "--server", server.address) as process,
        asyncio.timeout(30),
    ):
        assert process.stdout is not None
        await process.stdout.readline()
        process.send_signal(signal_number)
        ended = await end_of(process)
        await server.cancelled.wait()
    assert ended.status == status
    assert ended.stderr.splitlines()[-1] == "cancelled"


async def test_a_reader_that_goes_away_ends_it_quietly() -> None:
    release = asyncio.Event()
    async with (
        fake_orchestrator(PLAN, FIRST, Hold(release), *[SECOND] * 10_000, Hold()) as server,
        running("transcribe", URL, "--server", server.address) as process,
        asyncio.timeout(30),
    ):
        assert process.stdout is not None
        await process.stdout.readline()
        process.stdout._transport.close()  # type: ignore[attr-defined]  # noqa: SLF001
        release.set()
        assert await process.wait() != 0
        assert process.stderr is not None
        assert b"Traceback" not in await process.stderr.read()
        await server.cancelled.wait()


def ask(url: str, **headers: str) -> tuple[int, bytes, Message]:
    request = urllib.request.Request(url, headers=headers)  # noqa: S310
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
        return answer.status, answer.read(), answer.headers


async def test_a_local_file_is_served_by_ranges(tmp_path: Path) -> None:
    recording = tmp_path / "my talk.wav"
    recording.write_bytes(bytes(range(256)))
    release = asyncio.Event()
    async with (
        fake_orchestrator(PLAN, Hold(release), COMPLETED) as server,
        running("transcribe", str(recording), "--server", server.address) as process,
        asyncio.timeout(30),
    ):
        await server.called.wait()
        url = server.requests[0].media_url
        status, body, headers = await asyncio.to_thread(ask, url, Range="bytes=16-19")
        assert (status, body) == (206, bytes([16, 17, 18, 19]))
        assert headers["Content-Range"] == "bytes 16-19/256"
        assert headers["ETag"]
        guess = url.rpartition("/")[0] + "/my%20talk.wav"
        with pytest.raises(urllib.error.HTTPError, match="404"):
            await asyncio.to_thread(ask, guess)
        release.set()
        assert (await end_of(process)).status == 0
    with pytest.raises(OSError, match="refused"):
        await asyncio.to_thread(ask, url)


async def test_a_server_that_may_not_read_local_files_is_explained(tmp_path: Path) -> None:
    recording = tmp_path / "talk.wav"
    recording.write_bytes(b"RIFF")
    failure = FanscribeError(Reason.MEDIA_URL_FORBIDDEN, "127.0.0.1 is not a public address")
    async with fake_orchestrator(failure) as server:
        ended = await run("transcribe", str(recording), "--server", server.address)
    assert ended.status == 4
    assert "FANSCRIBE_MEDIA_ALLOWED_NETWORKS" in ended.stderr


async def held_job(server: FakeOrchestrator, terminal: Terminal) -> None:
    """Wait until the bar stands at the middle of the recording."""
    await terminal.shows(lambda text: "1:00/2:00" in text and "10.0x" in text)
    assert "chunk 1/2" in terminal.text
    assert "6.0 s left" in terminal.text
    assert not server.cancelled.is_set()


async def test_a_terminal_gets_a_bar_and_the_text_above_it() -> None:
    release = asyncio.Event()
    terminal = Terminal()
    script = (PLAN, FIRST, progress(60_000, 6_000), Hold(release), SECOND, COMPLETED)
    async with (
        fake_orchestrator(*script) as server,
        terminal.running("transcribe", URL, "--server", server.address) as process,
        asyncio.timeout(30),
    ):
        await held_job(server, terminal)
        release.set()
        assert await process.wait() == 0
        await terminal.shows(lambda text: "15.0x real time" in text)
    assert "The first thing said." in terminal.text
    assert "The second thing." in terminal.text


async def test_a_bar_does_not_spoil_redirected_text(tmp_path: Path) -> None:
    terminal = Terminal()
    with (tmp_path / "talk.txt").open("wb") as output:
        async with (
            fake_orchestrator(*WHOLE_JOB) as server,
            terminal.running(
                "transcribe", URL, "--server", server.address, stdout=output.fileno()
            ) as process,
            asyncio.timeout(30),
        ):
            assert await process.wait() == 0
            await terminal.shows(lambda text: "15.0x real time" in text)
    told = (tmp_path / "talk.txt").read_text()
    assert told == "The first thing said.\nThe second thing.\n"
    assert "The first thing said." not in terminal.text


async def test_ctrl_c_on_a_terminal_cancels_and_gives_the_cursor_back() -> None:
    terminal = Terminal()
    async with (
        fake_orchestrator(PLAN, progress(60_000, 6_000), Hold()) as server,
        terminal.running("transcribe", URL, "--server", server.address) as process,
        asyncio.timeout(30),
    ):
        await held_job(server, terminal)
        process.send_signal(signal.SIGINT)
        assert await process.wait() == 130
        await server.cancelled.wait()
        await terminal.shows(lambda text: text.rfind("\x1b[?25h") > text.rfind("\x1b[?25l"))


async def test_version() -> None:
    ended = await run("--version")
    assert ended.status == 0
    assert ended.stdout.startswith("fanscribe, version ")


async def test_help_tells_the_exit_codes() -> None:
    ended = await run("transcribe", "--help")
    assert ended.status == 0
    assert "130  cancelled by Ctrl-C" in ended.stdout


async def test_headers_and_the_audio_stream_are_asked_for(tmp_path: Path) -> None:
    file = tmp_path / "headers.txt"
    file.write_text("Authorization: Bearer a\n")
    async with fake_orchestrator(*WHOLE_JOB) as server:
        common = ("transcribe", URL, "--server", server.address)
        arguments = ("--header", f"@{file}", "--header", "X-Key: b", "--audio-stream", "2")
        assert (await run(*common, *arguments)).status == 0
        environment = {"FANSCRIBE_MEDIA_HEADERS": "Cookie: c=d"}
        assert (await run(*common, "--audio-language", "de", **environment)).status == 0
    by_arguments, by_environment = server.requests
    assert by_arguments.media_headers == {"Authorization": "Bearer a", "X-Key": "b"}
    assert by_arguments.options.audio_stream == 2
    assert by_environment.media_headers == {"Cookie": "c=d"}
    assert by_environment.options.audio_language == "de"
    assert not by_environment.options.HasField("audio_stream")


async def test_headers_are_not_for_local_files(tmp_path: Path) -> None:
    recording = tmp_path / "a.wav"
    recording.write_bytes(b"RIFF")
    ended = await run("transcribe", str(recording), "--header", "X-Key: s3cr3t")
    assert ended.status == 2
    assert "s3cr3t" not in ended.stderr
