"""The `fanscribe` command and its subcommands."""

import click

from fanscribe.client.transcribe_command import transcribe_command
from fanscribe.client.up_command import up_command


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="fanscribe", prog_name="fanscribe")
def fanscribe() -> None:
    """Turn hours of recorded speech into text in seconds."""


fanscribe.add_command(transcribe_command)
fanscribe.add_command(up_command)
