"""Request headers for the media host, from where secrets may stand."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

HEADERS_VARIABLE: Final = "FANSCRIBE_MEDIA_HEADERS"


def read_headers(given: Sequence[str]) -> dict[str, str]:
    """Read "Name: value" and "@file"; without any, the lines of FANSCRIBE_MEDIA_HEADERS.

    Raises ValueError, which shows nothing of what may be a secret.
    """
    headers: dict[str, str] = {}
    for line in _lines(given or os.environ.get(HEADERS_VARIABLE, "").splitlines()):
        name, colon, value = line.partition(":")
        if not colon or not name.strip():
            raise ValueError("a header is not written as 'Name: value'")
        if name.strip().lower() in {known.lower() for known in headers}:
            raise ValueError("a header is given twice")
        headers[name.strip()] = value.strip()
    return headers


def _lines(given: Sequence[str]) -> Iterator[str]:
    for text in given:
        if not text.startswith("@"):
            yield from filter(str.strip, [text])
            continue
        path = Path(text.removeprefix("@"))
        try:
            yield from filter(str.strip, path.read_text().splitlines())
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(f"{str(path)!r} cannot be read") from error
