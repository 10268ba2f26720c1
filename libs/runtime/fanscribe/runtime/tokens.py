"""The home of API tokens: who may call is told by a file of them, renewed while the server runs."""

import hashlib
import hmac
import logging
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any, Final

import grpc
from grpc import aio

from fanscribe.runtime.errors import FanscribeError, Reason
from fanscribe.runtime.reloading import Reloaded
from fanscribe.runtime.statuses import abort

_log = logging.getLogger(__name__)

# Shorter ones can be guessed.
LEAST_CHARACTERS: Final = 16
_SCHEME: Final = "bearer"
# Asked by probes and tools, which have no token; they tell nothing about anybody's recordings.
_OPEN_SERVICES: Final = ("/grpc.health.v1.Health/", "/grpc.reflection.")


def check_tokens(file: Path) -> Path:
    """Return `file` if it holds tokens; raises ValueError that says what is wrong, without them."""
    if not _digests(file):
        raise ValueError(f"{file} holds no tokens")
    return file


class Tokens:
    """The tokens in a file, one a line; blank lines and those that begin with # do not count.

    Read again when the file changes. All that it holds are good, so that one can be replaced: add
    the new one, change the callers, remove the old one. A file that has become empty lets nobody
    in; one that cannot be read, or holds something else, changes nothing.
    """

    def __init__(self, file: Path) -> None:
        self._digests = Reloaded([file], lambda: _digests(file))

    def __contains__(self, token: str) -> bool:
        """Whether this token is one of them; takes the same time whichever it is."""
        digest = _digest(token)
        found = False
        for known in self._digests.current():
            found |= hmac.compare_digest(known, digest)
        return found


class TokenInterceptor(aio.ServerInterceptor):
    """Lets those call who send `authorization: Bearer TOKEN`; health and reflection are for all.

    Others get UNAUTHENTICATED; `refused` is told why: "missing", "malformed", "unknown".
    """

    def __init__(self, tokens: Tokens, refused: Callable[[str], None]) -> None:
        self._tokens = tokens
        self._refused = refused

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """Let the call through, or put a refusal in its place."""
        if str(handler_call_details.method).startswith(_OPEN_SERVICES):
            return await continuation(handler_call_details)
        fault = self._fault(handler_call_details.invocation_metadata or ())
        if fault is None:
            return await continuation(handler_call_details)
        self._refused(fault)
        return grpc.unary_unary_rpc_method_handler(_refusal(fault))

    def _fault(self, metadata: Iterable[tuple[str, str | bytes]]) -> str | None:
        """Say what is wrong with a call's token; None: nothing."""
        sent = [value for key, value in metadata if key == "authorization"]
        if not sent:
            return "missing"
        scheme, _, token = str(sent[0]).partition(" ")
        if len(sent) > 1 or scheme.lower() != _SCHEME or not token.strip():
            return "malformed"
        return None if token.strip() in self._tokens else "unknown"


_TELL: Final = {
    "missing": "this server wants a token: send the metadata 'authorization: Bearer TOKEN'",
    "malformed": "the metadata 'authorization' is not one 'Bearer TOKEN'",
    "unknown": "the token is not one that this server knows; it may have been replaced",
}


def _refusal(fault: str) -> Callable[[Any, aio.ServicerContext[Any, Any]], Awaitable[None]]:
    async def refuse(_: Any, context: aio.ServicerContext[Any, Any]) -> None:
        fields = {"caller": context.peer(), "token": fault}
        _log.info("call refused", extra={"fields": fields})
        await abort(context, FanscribeError(Reason.UNAUTHENTICATED, _TELL[fault]))

    return refuse


def _digests(file: Path) -> tuple[bytes, ...]:
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise ValueError(f"{file} is not text") from error
    except OSError as error:
        raise ValueError(f"{file} cannot be read: {error.strerror}") from error
    digests = []
    for number, line in enumerate(map(str.strip, lines), start=1):
        if not line or line.startswith("#"):
            continue
        if not (line.isascii() and line.isprintable()) or " " in line:
            raise ValueError(
                f"line {number} of {file} is no token: letters, digits and signs alone"
            )
        if len(line) < LEAST_CHARACTERS:
            least = f"shorter than {LEAST_CHARACTERS} characters"
            raise ValueError(f"the token in line {number} of {file} is {least}")
        digests.append(_digest(line))
    return tuple(digests)


def _digest(token: str) -> bytes:
    # Of equal length whatever the token's, and nothing that a dump of memory would give away.
    return hashlib.sha256(token.encode()).digest()
