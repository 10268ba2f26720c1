"""The door to the network: what is sent to which host, and which hosts are not spoken to."""

import hashlib
import hmac
import logging
import socket
import ssl
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import trustme
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

from fanscribe.media.access import MediaAccess
from fanscribe.media.headers import RequestHeaders
from fanscribe.media.limits import MediaLimits
from fanscribe.media.policy import SourcePolicy
from fanscribe.media.recording import Recording
from fanscribe.media.timeline import SAMPLE_RATE, Span
from fanscribe.runtime.errors import FanscribeError, Reason
from tests.support.audio import encode, english_clips
from tests.support.policies import LOOPBACK, networks
from tests.support.range_server import Fault, RangeServer

LIMITS = MediaLimits(
    attempts=3, backoff_s=0.01, backoff_max_s=0.02, stall_timeout_s=0.5, cache_bytes=0
)
CLIP = english_clips()[0].path
TOKEN = "Bearer s3cr3t-token"  # noqa: S105
AUTHORIZED = RequestHeaders.of({"Authorization": TOKEN})


@pytest.fixture
async def access() -> AsyncIterator[MediaAccess]:
    async with MediaAccess(LOOPBACK, LIMITS) as access:
        yield access


async def a_second(access: MediaAccess, recording: Recording) -> int:
    async with access.extract(recording, Span(0, SAMPLE_RATE)) as extraction:
        return sum([len(block) async for block in extraction])


async def refusal(access: MediaAccess, url: str) -> FanscribeError:
    with pytest.raises(FanscribeError) as refused:
        await access.probe(url)
    return refused.value


def wants_token(request: web.Request) -> int | None:
    return None if request.headers.get("Authorization") == TOKEN else 401


def wants_none(request: web.Request) -> int | None:
    """Like S3: a signature in the URL and one in a header are one too many."""
    return 400 if "Authorization" in request.headers else None


async def test_headers_go_with_every_request_to_their_origin(access: MediaAccess) -> None:
    async with RangeServer(guard=wants_token) as server:
        url = server.add("clip", CLIP)
        assert (await refusal(access, url)).reason is Reason.MEDIA_ACCESS_DENIED
        recording = await access.probe(url, AUTHORIZED)
        assert await a_second(access, recording) == SAMPLE_RATE


async def test_headers_are_dropped_where_a_redirect_leaves_the_origin(access: MediaAccess) -> None:
    async with RangeServer(guard=wants_none) as store, RangeServer(guard=wants_token) as gate:
        there = store.add("clip", CLIP)
        url = gate.add("moved", b"", faults=[Fault(redirect=there)])
        recording = await access.probe(url, AUTHORIZED)
        assert await a_second(access, recording) == SAMPLE_RATE


async def test_headers_go_along_a_redirect_within_the_origin(access: MediaAccess) -> None:
    async with RangeServer(guard=wants_token) as server:
        server.add("clip", CLIP)
        url = server.add("moved", b"", faults=[Fault(redirect="/clip")])
        assert await a_second(access, await access.probe(url, AUTHORIZED)) == SAMPLE_RATE


async def test_what_one_caller_may_read_is_not_given_to_another_from_the_cache() -> None:
    async with (
        MediaAccess(LOOPBACK, replace(LIMITS, cache_bytes=64_000_000)) as access,
        RangeServer(guard=wants_token) as server,
    ):
        url = server.add("clip", CLIP)
        recording = await access.probe(url, AUTHORIZED)
        assert await a_second(access, recording) == SAMPLE_RATE
        other = RequestHeaders.of({"Authorization": "Bearer other"})
        stolen = replace(recording, source=replace(recording.source, headers=other))
        with pytest.raises(FanscribeError) as refused:
            await a_second(access, stolen)
        assert refused.value.reason is Reason.MEDIA_ACCESS_DENIED


KEY = b"of the store"
QUERY = "X-Expires=60&X-Path=a%2fb%2Bc&X-Name=%C3%BC+%20~&empty=&flag&response=a%3Db"


def signed(path: str, query: str) -> str:
    signature = hmac.new(KEY, f"{path}?{query}".encode(), hashlib.sha256).hexdigest()
    return f"{query}&X-Signature={signature}"


def wants_signature(request: web.Request) -> int | None:
    """Like S3, GCS and Azure: signed for GET alone, over the query as it was written."""
    if request.method != "GET":
        return 403
    path, _, query = request.raw_path.partition("?")
    return None if query == signed(path, query.partition("&X-Signature=")[0]) else 403


@pytest.mark.parametrize("name", ["clip", "a%20b/c%2Fd", "x//y/../z", "%7Ename;v=1,2(3)"])
async def test_signed_urls_are_asked_for_as_they_were_written(
    access: MediaAccess, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    def serve(request: web.Request) -> int | None:
        status = wants_signature(request)
        if status is None:
            server.document(request.match_info["name"])
        return status

    async with RangeServer(guard=serve) as server:
        base = server.url(name)
        path = base.removeprefix(server.url("").removesuffix("/"))
        for decoded in (name, "a b/c/d", "a b/c%2Fd", "x/z", "~name;v=1,2(3)"):
            server.add(decoded, CLIP)
        url = f"{base}?{signed(path, QUERY)}"
        recording = await access.probe(url)
        assert await a_second(access, recording) == SAMPLE_RATE
        assert recording.source.url == url
        error = await refusal(access, url.replace("X-Expires=60", "X-Expires=61"))
        assert error.reason is Reason.MEDIA_ACCESS_DENIED
        shown = f"{error} {recording!r} {caplog.text}"
        assert "X-Signature" not in shown
        assert "X-Expires" not in shown


class Names(AbstractResolver):
    """A name server with a script: each look-up of a name takes its next answer, the last stays."""

    def __init__(self, **addresses: list[str]) -> None:
        self.addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        answers = self.addresses[host.removesuffix(".test")]
        address = answers.pop(0) if len(answers) > 1 else answers[0]
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
        ]

    async def close(self) -> None:
        pass


ONE_ADDRESS = SourcePolicy(networks("127.0.0.1/32"))


async def test_a_name_that_leads_to_a_private_address_is_refused() -> None:
    async with RangeServer(host="127.0.0.2") as inside:
        url = inside.add("clip", CLIP).replace("127.0.0.2", "inside.test")
        async with MediaAccess(ONE_ADDRESS, LIMITS, Names(inside=["127.0.0.2"])) as access:
            assert (await refusal(access, url)).reason is Reason.MEDIA_URL_FORBIDDEN
        assert not inside.connections


async def test_a_name_that_changes_its_address_is_looked_at_again_and_refused() -> None:
    limits = replace(LIMITS, name_kept_s=0)
    names = Names(moving=["127.0.0.1", "127.0.0.2"])
    async with RangeServer() as outside, RangeServer(host="127.0.0.2") as inside:
        faults = [Fault(times=1), Fault(reset_after_bytes=0, times=1)]
        url = outside.add("clip", CLIP, faults=faults)
        async with MediaAccess(ONE_ADDRESS, limits, names) as access:
            error = await refusal(access, url.replace("127.0.0.1", "moving.test"))
        assert error.reason is Reason.MEDIA_URL_FORBIDDEN
        assert len(outside.connections) == 1
        assert not inside.connections


async def test_a_redirect_to_a_name_that_leads_inside_is_refused() -> None:
    async with RangeServer() as outside, RangeServer(host="127.0.0.2") as inside:
        there = inside.add("clip", CLIP).replace("127.0.0.2", "inside.test")
        url = outside.add("clip", b"", faults=[Fault(redirect=there)])
        async with MediaAccess(ONE_ADDRESS, LIMITS, Names(inside=["127.0.0.2"])) as careful:
            assert (await refusal(careful, url)).reason is Reason.MEDIA_URL_FORBIDDEN
        assert not inside.connections


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
async def tls_server(authority: trustme.CA) -> AsyncIterator[RangeServer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    async with RangeServer(tls=context) as server:
        server.add("clip", CLIP)
        yield server


async def test_certificates_are_verified(access: MediaAccess, tls_server: RangeServer) -> None:
    error = await refusal(access, tls_server.url("clip"))
    assert error.reason is Reason.MEDIA_HOST_UNTRUSTED
    assert tls_server.document("clip").requests == 0


async def test_an_authority_of_ones_own_is_trusted_for_its_names_alone(
    tls_server: RangeServer, authority: trustme.CA, tmp_path: Path
) -> None:
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    policy = replace(LOOPBACK, ca_file=tmp_path / "ca.pem", schemes=("https",))
    async with MediaAccess(policy, LIMITS, Names(other=["127.0.0.1"])) as access:
        url = tls_server.url("clip")
        assert await a_second(access, await access.probe(url)) == SAMPLE_RATE
        error = await refusal(access, url.replace("127.0.0.1", "other.test"))
        assert error.reason is Reason.MEDIA_HOST_UNTRUSTED


async def test_a_redirect_to_a_scheme_that_is_not_allowed_is_refused(
    tls_server: RangeServer, authority: trustme.CA, tmp_path: Path
) -> None:
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    policy = replace(LOOPBACK, ca_file=tmp_path / "ca.pem", schemes=("https",))
    async with RangeServer() as plain, MediaAccess(policy, LIMITS) as access:
        there = plain.add("clip", CLIP)
        url = tls_server.add("moved", b"", faults=[Fault(redirect=there)])
        assert (await refusal(access, url)).reason is Reason.MEDIA_URL_FORBIDDEN
        assert not plain.connections


async def test_connections_are_kept(access: MediaAccess, tmp_path: Path) -> None:
    clip = encode(CLIP, tmp_path / "clip.wav")  # of which no two places are looked at at once
    async with RangeServer() as server:
        recording = await access.probe(server.add("clip", clip))
        assert await a_second(access, recording) == SAMPLE_RATE
        assert server.document("clip").requests > 2
        assert len(server.connections) <= 2  # one more where ffmpeg has enough before an end
