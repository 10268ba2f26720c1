"""Failures of the command as one line on standard error and an exit code."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import click

from fanscribe.client.errors import TranscriptionError
from fanscribe.client.exits import Exit, exit_of
from fanscribe.client.service_process import LocalStackError
from fanscribe.client.wording import one_line


@contextmanager
def told_failures() -> Iterator[None]:
    """End the command, with a message and an exit code, where it fails inside.

    A reader of standard output that went away is left to click, which ends quietly.
    """
    try:
        yield
    except TranscriptionError as error:
        _end(f"{one_line(error.message)} [{error.reason}]", exit_of(error))
    except LocalStackError as error:
        _end(str(error), Exit.UNAVAILABLE)
    except OSError as error:
        if error.errno == errno.EPIPE:
            raise
        _end(str(error), Exit.INTERNAL)


def _end(message: str, code: Exit) -> NoReturn:
    click.echo(f"fanscribe: {message}", err=True)
    raise click.exceptions.Exit(code)
