"""The `fanscribe` command."""

import click

from fanscribe.client.transcribe_command import transcribe_command
from fanscribe.client.up_command import up_command


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="fanscribe", prog_name="fanscribe")
def main() -> None:
    """Turn hours of recorded speech into text in seconds."""


main.add_command(transcribe_command)
main.add_command(up_command)
