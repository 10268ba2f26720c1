"""Range requests to media hosts: policy-checked, one attempt at a time, every answer verified."""

import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Self

import aiohttp
from aiohttp.abc import AbstractResolver
from yarl import URL

from fanscribe.media.headers import NO_HEADERS, RequestHeaders
from fanscribe.media.limits import KIB, MediaLimits
from fanscribe.media.policy import SourcePolicy
from fanscribe.media.resolver import CheckedResolver
from fanscribe.media.source import ContentRange, Source, parse_content_range
from fanscribe.runtime.errors import FanscribeError, Reason

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_FINAL = {
    401: (Reason.MEDIA_ACCESS_DENIED, "the media host denies access to the recording"),
    403: (Reason.MEDIA_ACCESS_DENIED, "the media host denies access to the recording"),
    404: (Reason.MEDIA_NOT_FOUND, "there is nothing at the media URL"),
    410: (Reason.MEDIA_NOT_FOUND, "there is nothing at the media URL any more"),
    412: (Reason.MEDIA_CHANGED, "the recording was changed while it was being read; start again"),
}


class PassingError(Exception):
    """An attempt failed in a way that another one may not."""

    def __init__(self, what: str, retry_after_s: float = 0.0) -> None:
        super().__init__(what)
        self.what = what  # "the media host …"
        self.retry_after_s = retry_after_s


@dataclass(frozen=True)
class Target:
    """What is asked for: a URL, headers for its origin, and what must be found there."""

    url: URL = field(repr=False)
    headers: RequestHeaders = NO_HEADERS
    pin: Source | None = None

    def headers_for(self, url: URL) -> dict[str, str]:
        """Headers of a request to `url`, where this target's redirects lead."""
        precondition = self.pin.precondition() if self.pin else {}
        if url.origin() != self.url.origin():
            return precondition
        return {**self.headers.as_dict(), **precondition}


@dataclass(frozen=True)
class RangeAnswer:
    """A verified 206 answer; `body` yields the bytes of `content`."""

    content: ContentRange
    size_bytes: int
    etag: str  # as it was written, or empty
    last_modified: str
    location: URL = field(repr=False)  # where it came from, redirects followed
    body: aiohttp.StreamReader


class RangeClient:
    """Asks media hosts for ranges of bytes. An async context manager.

    Names are looked up by `resolver`, by default as the system does it.
    """

    def __init__(
        self, policy: SourcePolicy, limits: MediaLimits, resolver: AbstractResolver | None = None
    ) -> None:
        self._policy = policy
        self._limits = limits
        self._resolver = CheckedResolver(policy, resolver)

    async def __aenter__(self) -> Self:
        trust = ssl.create_default_context()
        if self._policy.ca_file is not None:
            trust.load_verify_locations(self._policy.ca_file)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                resolver=self._resolver,
                ttl_dns_cache=self._limits.name_kept_s,
                ssl=trust,
                # Readings are bounded by their callers; a slow one must not starve the others.
                limit=0,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,  # a proxy would be connected to in place of the checked address
            auto_decompress=False,
            read_bufsize=64 * KIB,
            headers={"Accept-Encoding": "identity", "User-Agent": "fanscribe"},
            timeout=aiohttp.ClientTimeout(
                total=None,
                connect=self._limits.connect_timeout_s,
                sock_read=self._limits.stall_timeout_s,
            ),
        )
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._session.close()

    @asynccontextmanager
    async def get(
        self, target: Target, start: int, end: int, location: URL | None = None
    ) -> AsyncIterator[RangeAnswer]:
        """Ask for bytes [start, end) once; at `location`, where an earlier answer came from.

        Raises PassingError where another attempt may succeed, also for what breaks while the
        body is read; otherwise FanscribeError.
        """
        try:
            async with self._follow(target, f"bytes={start}-{end - 1}", location) as response:
                yield _verify(response, start, end, target.pin)
        except aiohttp.InvalidURL as error:
            raise FanscribeError(
                Reason.MEDIA_URL_INVALID, "the media URL cannot be parsed"
            ) from error
        except TimeoutError as error:
            raise PassingError("does not answer in time") from error
        except aiohttp.ClientConnectorCertificateError as error:
            raise FanscribeError(
                Reason.MEDIA_HOST_UNTRUSTED,
                "the media host's TLS certificate cannot be verified; the recording is not read",
            ) from error
        except aiohttp.ClientConnectorDNSError as error:
            raise PassingError("has a name that cannot be resolved") from error
        except (aiohttp.ClientConnectorError, ConnectionRefusedError) as error:
            raise PassingError("cannot be connected to") from error
        except (aiohttp.ClientError, OSError) as error:
            raise PassingError("breaks the connection") from error

    @asynccontextmanager
    async def _follow(
        self, target: Target, byte_range: str, location: URL | None
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        url = location or target.url
        for _ in range(self._policy.max_redirects + 1):
            headers = {"Range": byte_range, **target.headers_for(url)}
            async with self._session.get(url, headers=headers, allow_redirects=False) as response:
                if response.status not in _REDIRECTS:
                    yield response
                    return
                next_url = response.headers.get("Location", "")
            url = self._policy.check_url(_joined(url, next_url))
        raise FanscribeError(Reason.MEDIA_UNREADABLE, "the media URL redirects too many times")


def _joined(url: URL, reference: str) -> str:
    try:
        return str(url.join(URL(reference, encoded=reference.isascii())))
    except ValueError as error:
        raise FanscribeError(
            Reason.MEDIA_URL_INVALID, "the media URL redirects to what is no URL"
        ) from error


def _verify(
    response: aiohttp.ClientResponse, start: int, end: int, pin: Source | None
) -> RangeAnswer:
    """Return the answer to a request for [start, end) if it is one, and of the pinned bytes."""
    content = parse_content_range(response.headers.get("Content-Range", ""))
    etag = response.headers.get("ETag", "")
    last_modified = response.headers.get("Last-Modified", "")
    if pin and response.status in {200, 206}:
        told_bytes = response.content_length if response.status == 200 else None
        size_bytes = content.size_bytes if content else told_bytes
        if pin.is_contradicted(size_bytes, etag, last_modified):
            raise changed()
    _check_status(response)
    encoding = response.headers.get("Content-Encoding", "identity")
    if (
        content is None
        or content.size_bytes is None
        or content.start != start
        or content.end > end
        or encoding != "identity"
    ):
        raise FanscribeError(
            Reason.MEDIA_RANGE_UNSUPPORTED,
            "the media host answers range requests wrongly; fanscribe needs a host that supports"
            " them",
        )
    return RangeAnswer(
        content=content,
        size_bytes=content.size_bytes,
        etag=etag,
        last_modified=last_modified,
        location=response.url,
        body=response.content,
    )


def _check_status(response: aiohttp.ClientResponse) -> None:
    status = response.status
    if status == 206:
        return
    if status == 200:
        raise FanscribeError(
            Reason.MEDIA_RANGE_UNSUPPORTED,
            "the media host ignores range requests; fanscribe needs a host that supports them",
        )
    if status >= 500 or status in {408, 425, 429}:
        retry_after = response.headers.get("Retry-After", "")
        raise PassingError(f"answers with status {status}", _wait_s(retry_after))
    if status == 416:
        raise UnsatisfiableRangeError
    reason, message = _FINAL.get(
        status, (Reason.MEDIA_UNREADABLE, f"the media host answers with status {status}")
    )
    raise FanscribeError(reason, message)


def _wait_s(retry_after: str) -> float:
    """Seconds that a Retry-After header asks to wait; 0 if it makes no sense."""
    if re.fullmatch(r"[0-9]{1,9}", retry_after):
        return float(retry_after)
    try:
        until = parsedate_to_datetime(retry_after)
    except ValueError:
        return 0.0
    now = datetime.now(UTC)
    return max(
        0.0, (until if until.tzinfo else until.replace(tzinfo=UTC)).timestamp() - now.timestamp()
    )


def changed() -> FanscribeError:
    """Say that the bytes at the URL are not those that were pinned."""
    return FanscribeError(
        Reason.MEDIA_CHANGED, "the recording was changed while it was being read; start again"
    )


class UnsatisfiableRangeError(Exception):
    """The server says that nothing lies in the range asked for (416)."""
