"""Range requests to media hosts: policy-checked, one attempt at a time, every answer verified."""

import ipaddress
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver
from yarl import URL

from fanscribe.media.limits import KIB, MediaLimits
from fanscribe.media.policy import SourcePolicy
from fanscribe.media.source import ContentRange, parse_content_range, strong_etag
from fanscribe.runtime.errors import FanscribeError, Reason

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_FINAL = {
    401: (Reason.MEDIA_ACCESS_DENIED, "the media host denies access to the recording"),
    403: (Reason.MEDIA_ACCESS_DENIED, "the media host denies access to the recording"),
    404: (Reason.MEDIA_NOT_FOUND, "there is nothing at the media URL"),
    410: (Reason.MEDIA_NOT_FOUND, "there is nothing at the media URL any more"),
    412: (Reason.MEDIA_CHANGED, "the recording was changed while it was being read"),
}


class PassingError(Exception):
    """An attempt failed in a way that another one may not."""

    def __init__(self, what: str, retry_after_s: float = 0.0) -> None:
        super().__init__(what)
        self.what = what  # "the media host …"
        self.retry_after_s = retry_after_s


@dataclass(frozen=True)
class RangeAnswer:
    """A verified 206 answer; `body` yields the bytes of `content`."""

    content: ContentRange
    size_bytes: int
    etag: str  # strong, or empty
    last_modified: str
    location: URL  # where it came from, redirects followed
    body: aiohttp.StreamReader


class CheckedResolver(AbstractResolver):
    """Resolves names and refuses those that lead anywhere the policy forbids.

    The connection is made to the very addresses checked here, so a name cannot change its mind.
    """

    def __init__(self, policy: SourcePolicy) -> None:
        self._policy = policy
        self._resolver = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Resolve `host`; raise MEDIA_URL_FORBIDDEN if any of its addresses is forbidden."""
        results = await self._resolver.resolve(host, port, family)
        for result in results:
            self._policy.check_address(ipaddress.ip_address(result["host"]))
        return results

    async def close(self) -> None:
        """Release what the resolver holds."""
        await self._resolver.close()


class RangeClient:
    """Asks media hosts for ranges of bytes. An async context manager."""

    def __init__(self, policy: SourcePolicy, limits: MediaLimits) -> None:
        self._policy = policy
        self._limits = limits

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            # Readings are bounded by their callers, and a slow one must not starve the others.
            connector=aiohttp.TCPConnector(resolver=CheckedResolver(self._policy), limit=0),
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
        self, url: URL, start: int, end: int, precondition: dict[str, str]
    ) -> AsyncIterator[RangeAnswer]:
        """Ask for bytes [start, end) once.

        Raises PassingError where another attempt may succeed, also for what breaks while the
        body is read; otherwise FanscribeError.
        """
        headers = {"Range": f"bytes={start}-{end - 1}", **precondition}
        try:
            async with self._follow(url, headers) as response:
                yield _verify(response, start, end)
        except aiohttp.InvalidURL as error:
            raise FanscribeError(
                Reason.MEDIA_URL_INVALID, "the media URL cannot be parsed"
            ) from error
        except TimeoutError as error:
            raise PassingError("does not answer in time") from error
        except aiohttp.ClientConnectorDNSError as error:
            raise PassingError("has a name that cannot be resolved") from error
        except (aiohttp.ClientConnectorError, ConnectionRefusedError) as error:
            raise PassingError("cannot be connected to") from error
        except (aiohttp.ClientError, OSError) as error:
            raise PassingError("breaks the connection") from error

    @asynccontextmanager
    async def _follow(
        self, url: URL, headers: dict[str, str]
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        for _ in range(self._policy.max_redirects + 1):
            async with self._session.get(url, headers=headers, allow_redirects=False) as response:
                if response.status not in _REDIRECTS:
                    yield response
                    return
                target = response.headers.get("Location", "")
            url = self._policy.check_url(str(url.join(URL(target, encoded=target.isascii()))))
        raise FanscribeError(Reason.MEDIA_UNREADABLE, "the media URL redirects too many times")


def _verify(response: aiohttp.ClientResponse, start: int, end: int) -> RangeAnswer:
    """Return the answer to a request for [start, end) if it is one."""
    _check_status(response)
    content = parse_content_range(response.headers.get("Content-Range", ""))
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
        etag=strong_etag(response.headers.get("ETag", "")),
        last_modified=response.headers.get("Last-Modified", ""),
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
        wait_s = float(retry_after) if retry_after.isdecimal() else 0.0
        raise PassingError(f"answers with status {status}", wait_s)
    if status == 416:
        raise UnsatisfiableRangeError
    reason, message = _FINAL.get(
        status, (Reason.MEDIA_UNREADABLE, f"the media host answers with status {status}")
    )
    raise FanscribeError(reason, message)


class UnsatisfiableRangeError(Exception):
    """The server says that nothing lies in the range asked for (416)."""
