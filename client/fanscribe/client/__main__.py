"""`python -m fanscribe.client` is the `fanscribe` command."""

from fanscribe.client.cli import main

main()
