"""Where the `fanscribe` command starts, whatever is installed."""

import sys

# The client as a library does without these.
_EXTRA = ("aiohttp", "click", "rich")


def main() -> None:
    """Run the command; says what to install if its extra is missing."""
    try:
        from fanscribe.client.commands import fanscribe  # noqa: PLC0415  it may be missing
    except ModuleNotFoundError as error:
        if error.name not in _EXTRA:
            raise
        sys.exit(
            f"fanscribe: the Python package {error.name} is missing: install fanscribe with its "
            "extra `client`, as in `pip install 'fanscribe[client]'`"
        )
    fanscribe(prog_name="fanscribe")
