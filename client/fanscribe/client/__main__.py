"""`python -m fanscribe.client` is the `fanscribe` command."""

from fanscribe.client.cli import main

main(prog_name="fanscribe")
