"""Request headers that a caller gives for the media host: checked, and never shown."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Self

from fanscribe.runtime.errors import FanscribeError, Reason

MAX_HEADERS: Final = 16
MAX_BYTES: Final = 8 * 1024  # of all names and values

_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}")
_VALUE: Final = re.compile(r"[!-~]([\t -~]*[!-~])?")
# What the connection and the ranges need, which fanscribe sets as they must be; and what makes a
# cloud's metadata service answer, should one ever be reached.
_REFUSED: Final = re.compile(
    r"accept-encoding|connection|content-.*|date|expect|forwarded|host|http2-settings|if-.*"
    r"|keep-alive|metadata|metadata-flavor|proxy-.*|range|te|trailer|transfer-encoding|upgrade|via"
    r"|x-aws-ec2-metadata-.*|x-forwarded-.*|x-http-method.*|x-metadata-.*|x-method-override"
)


@dataclass(frozen=True)
class RequestHeaders:
    """Headers for the origin of one recording; neither `repr` nor `str` shows any of them."""

    pairs: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    @classmethod
    def of(cls, headers: Mapping[str, str]) -> Self:
        """Check what a caller gave; raises MEDIA_HEADERS_INVALID, which shows no value."""
        if len(headers) > MAX_HEADERS:
            raise _invalid(f"there are {len(headers)}; at most {MAX_HEADERS} are allowed")
        if sum(len(name) + len(value) for name, value in headers.items()) > MAX_BYTES:
            raise _invalid(f"they are longer than {MAX_BYTES} bytes together")
        names = [name.lower() for name in headers]
        for name, value in zip(names, headers.values(), strict=True):
            _check(name, value)
        if len(set(names)) < len(names):
            raise _invalid("a name is given twice")
        return cls(tuple(sorted(headers.items())))

    def as_dict(self) -> dict[str, str]:
        """The headers by name."""
        return dict(self.pairs)


NO_HEADERS: Final = RequestHeaders()


def _check(name: str, value: str) -> None:
    # A malformed name is not repeated: it may be a secret that went astray.
    if not _NAME.fullmatch(name):
        raise _invalid("a name is not one that HTTP allows")
    if _REFUSED.fullmatch(name):
        raise _invalid(f"fanscribe does not pass on {name!r}")
    if value and not _VALUE.fullmatch(value):
        raise _invalid(
            "a value holds other characters than ASCII ones, or white space at an end of it"
        )


def _invalid(problem: str) -> FanscribeError:
    return FanscribeError(Reason.MEDIA_HEADERS_INVALID, f"media_headers: {problem}")
