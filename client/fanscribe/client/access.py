"""What the command shows a server that wants to know who calls, and whom it believes."""

import functools
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import click

from fanscribe.client.file_server import is_loopback
from fanscribe.runtime.tls import ClientTls

TOKEN_VARIABLE: Final = "FANSCRIBE_TOKEN"  # noqa: S105  its name, not a token
_FILE: Final = click.Path(exists=True, dir_okay=False, readable=True, path_type=Path)


@dataclass(frozen=True)
class Access:
    """How a server is called."""

    tls: ClientTls | None = None
    token: str = field(default="", repr=False)


_OPTIONS: Final = (
    click.option("--tls", is_flag=True, help="Call the server by TLS; the next four imply it."),
    click.option(
        "--ca", type=_FILE, help="Authorities to believe (PEM). Default: those of public servers."
    ),
    click.option("--cert", type=_FILE, help="Certificate to show the server (PEM)."),
    click.option("--key", type=_FILE, help="Its key."),
    click.option(
        "--server-name",
        default="",
        metavar="NAME",
        help="Name in the server's certificate, where it is reached by another: a port-forward.",
    ),
    click.option(
        "--token-file",
        type=_FILE,
        help=f"File with the token that the server wants. Without it, {TOKEN_VARIABLE} is taken.",
    ),
)


def access_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command that has `--server` the options of Access; it takes `access`."""

    @functools.wraps(command)
    def with_access(
        *,
        tls: bool,
        ca: Path | None,
        cert: Path | None,
        key: Path | None,
        server_name: str,
        token_file: Path | None,
        server: str | None,
        **others: Any,
    ) -> None:
        told = tls or bool(ca or cert or key or server_name)
        access = Access()
        if server is not None:
            chosen = _tls(ca, cert, key, server_name) if told else None
            access = Access(chosen, _token(token_file))
            _warn_of_eavesdroppers(server, access)
        elif told or token_file is not None:
            raise click.UsageError("TLS and tokens are for a server: --server says which")
        command(server=server, access=access, **others)

    return functools.reduce(lambda made, option: option(made), reversed(_OPTIONS), with_access)


def _tls(ca: Path | None, cert: Path | None, key: Path | None, server_name: str) -> ClientTls:
    try:
        return ClientTls(ca, cert, key, server_name)
    except ValueError as error:
        raise click.UsageError(str(error)) from error


def _token(file: Path | None) -> str:
    """Read the token; its first line, where a file has several as the server's has."""
    text = os.environ.get(TOKEN_VARIABLE, "") if file is None else file.read_text(errors="replace")
    lines = map(str.strip, text.splitlines())
    token = next((line for line in lines if line and not line.startswith("#")), "")
    if file is not None and not token:
        raise click.BadParameter(f"{file} is empty", param_hint="--token-file")
    if not (token.isascii() and token.isprintable()):
        raise click.UsageError("the token holds what no token can: not told here, it is a secret")
    return token


def _warn_of_eavesdroppers(server: str, access: Access) -> None:
    if access.token and access.tls is None and not is_loopback(server):
        click.echo(
            f"fanscribe: the token goes to {server} in the clear; is --tls missing?", err=True
        )
