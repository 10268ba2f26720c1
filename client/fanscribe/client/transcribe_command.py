"""`fanscribe transcribe`."""

from pathlib import Path

import click
from click.core import ParameterSource

from fanscribe.client.access import Access, access_options
from fanscribe.client.exits import Exit, exit_table
from fanscribe.client.failures import told_failures
from fanscribe.client.file_server import is_loopback
from fanscribe.client.formats import FORMATS, Format
from fanscribe.client.headers import HEADERS_VARIABLE, read_headers
from fanscribe.client.interrupts import run_until_interrupted
from fanscribe.client.options import Options, Task
from fanscribe.client.output import FileOutput, Output
from fanscribe.client.reporters import Reporter, reporter_for_stderr
from fanscribe.client.transcription import Job, transcribe

_URL_SCHEMES = ("http://", "https://")

_HELP = f"""Transcribe MEDIA: the http(s) URL of a recording, or a local file.

The transcript goes to standard output or into a file, everything else to standard error. Without
--server, a local stack is started for this job and stopped after it. A local file is served to
the orchestrator from this machine's loopback address, so both must be on the same machine.

\b
Exit codes:
{exit_table()}
"""


@click.command("transcribe", help=_HELP)
@click.argument("media")
@click.option(
    "--server",
    metavar="HOST:PORT",
    envvar="FANSCRIBE_SERVER",
    show_envvar=True,
    help="Orchestrator to ask. Default: a local stack, started for this job.",
)
@access_options
@click.option(
    "--language",
    default="",
    help="Language spoken: en, pt-BR, ... Or multi, where it changes. Default: detect one for all.",
)
@click.option("--task", type=click.Choice([task.value for task in Task]), default="transcribe")
@click.option(
    "--macro-chunk-size-sec",
    type=click.IntRange(30, 3600),
    help="Nominal length of the stretches that splitters work on.",
)
@click.option(
    "--micro-chunk-size-sec",
    type=click.IntRange(5, 30),
    help="Greatest length of the stretches that the model sees.",
)
@click.option("--word-timestamps", is_flag=True, help="Also find the time of every word.")
@click.option("--initial-prompt", default="", help="Words to expect: names, spelling, style.")
@click.option(
    "--audio-stream",
    type=click.IntRange(min=0),
    help="Audio stream to transcribe, from 0. Default: what the container calls its default.",
)
@click.option(
    "--audio-language",
    default="",
    metavar="TAG",
    help="Instead: the audio stream that the container says is in this language.",
)
@click.option(
    "--header",
    "headers",
    multiple=True,
    metavar="'NAME: VALUE'",
    help="Request header for the media host, repeatable; @FILE reads lines of them from a file. "
    f"Without any, the lines of {HEADERS_VARIABLE} are.",
)
@click.option(
    "--model", default="tiny.en", show_default=True, help="Whisper model of the local stack."
)
@click.option(
    "--splitters",
    type=click.IntRange(1, 64),
    default=2,
    show_default=True,
    help="Splitters of the local stack.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(list(FORMATS)),
    help="Default: what the suffix of --output says, otherwise txt.",
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, writable=True, allow_dash=True, path_type=Path),
    help="File to write when all is done. Default: standard output, as the text comes.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="Give up after this time.",
)
@click.pass_context
def transcribe_command(
    context: click.Context,
    /,
    *,
    media: str,
    server: str | None,
    access: Access,
    language: str,
    task: str,
    macro_chunk_size_sec: int | None,
    micro_chunk_size_sec: int | None,
    word_timestamps: bool,
    initial_prompt: str,
    audio_stream: int | None,
    audio_language: str,
    headers: tuple[str, ...],
    model: str,
    splitters: int,
    form: str | None,
    output: Path | None,
    timeout: float | None,
) -> None:
    """Read the arguments, run the job, leave with its exit code."""
    _check_server(context, server)
    job = Job(
        media=_media(media, server),
        server=server,
        access=access,
        model=model,
        splitters=splitters,
        options=Options(
            macro_chunk_size_sec=macro_chunk_size_sec,
            micro_chunk_size_sec=micro_chunk_size_sec,
            language=language,
            task=Task(task),
            word_timestamps=word_timestamps,
            initial_prompt=initial_prompt,
            audio_stream=audio_stream,
            audio_language=audio_language,
        ),
        headers=_headers(media, headers),
        timeout_s=timeout,
    )
    with reporter_for_stderr() as reporter, told_failures():
        sink = _output(form, output, reporter)
        ended = run_until_interrupted(transcribe(job, sink, reporter))
        if ended is not Exit.DONE:
            reporter.note("cancelled")
    context.exit(ended)


def _check_server(context: click.Context, server: str | None) -> None:
    if server is None:
        return
    host, _, port = server.rpartition(":")
    if not (server.startswith("unix:") or (host and port.isdecimal())):
        raise click.BadParameter(
            f"{server!r} is not HOST:PORT, as in localhost:50051", param_hint="--server"
        )
    for name in ("model", "splitters"):
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            raise click.UsageError(
                f"--{name} is for the local stack, but the job goes to the server at {server}"
            )


def _headers(media: str, given: tuple[str, ...]) -> dict[str, str]:
    if not media.lower().startswith(_URL_SCHEMES):
        if given:
            raise click.UsageError("--header is for recordings at a URL, not for local files")
        return {}
    try:
        return read_headers(given)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--header") from error


def _media(media: str, server: str | None) -> str | Path:
    if media.lower().startswith(_URL_SCHEMES):
        return media
    path = Path(media)
    if not path.is_file():
        raise click.BadParameter(
            f"{media!r} is neither an http(s) URL nor a file", param_hint="MEDIA"
        )
    try:
        path.open("rb").close()
    except OSError as error:
        raise click.BadParameter(f"{media!r}: {error.strerror}", param_hint="MEDIA") from error
    if server is not None and not is_loopback(server):
        raise click.BadParameter(
            f"{media!r} is a local file, which the server at {server} cannot read: put it on a web "
            "server that answers range requests and give its URL",
            param_hint="MEDIA",
        )
    return path


def _output(form: str | None, path: Path | None, reporter: Reporter) -> Output:
    if path is None or str(path) == "-":
        return Output(FORMATS[form or "txt"], reporter.write)
    if not path.absolute().parent.is_dir():
        raise click.BadParameter(f"there is no folder {path.parent}", param_hint="--output")
    return FileOutput(_format_of(form, path), path)


def _format_of(form: str | None, path: Path) -> Format:
    return FORMATS.get(form or path.suffix.removeprefix(".").lower(), FORMATS["txt"])
