"""Certificates asked of everybody, and tokens of callers: a whole stack, with a real Triton."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import grpc
import pytest

from fanscribe.client import Client, ClientTls, TranscriptionError
from fanscribe.client.local_stack import LocalStack
from fanscribe.client.service_process import ServiceProcess
from fanscribe.runtime.errors import Reason
from fanscribe.runtime.tls import ServerTls
from tests.support import command
from tests.support.certificates import Authority, Identity
from tests.support.metrics import scrape
from tests.support.polling import eventually
from tests.support.processes import log_records
from tests.support.range_server import RangeServer
from tests.support.speech import Recording, word_error_rate

# As a chart's release `demo` in namespace `speech` would have them.
NAMES = {
    "orchestrator": "demo-orchestrator.speech.svc",
    "splitter": "demo-splitter.speech.svc",
    "inference": "demo-inference.speech.svc",
}
API = NAMES["orchestrator"]
TOKEN, OTHER_TOKEN = "first-token-0123456789", "other-token-0123456789"


@dataclass(frozen=True)
class Secured:
    """A stack, and what its callers need."""

    stack: LocalStack
    authority: Authority
    identities: dict[str, Identity]
    caller: Identity
    tokens: Path

    def client(self, tls: ClientTls | None = None, token: str = TOKEN) -> Client:
        """One that shows what it should, unless told otherwise."""
        return Client(self.stack.address, tls=tls or self.caller.client(API), token=token)

    @property
    def services(self) -> tuple[ServiceProcess, ...]:
        return self.stack.orchestrator, *self.stack.splitters, self.stack.inference


def _served(tls: ServerTls) -> dict[str, str]:
    return {
        "FANSCRIBE_TLS_CERT_FILE": str(tls.cert_file),
        "FANSCRIBE_TLS_KEY_FILE": str(tls.key_file),
        "FANSCRIBE_TLS_CLIENT_CA_FILE": str(tls.client_ca_file),
    }


def _called(peer: str, tls: ClientTls) -> dict[str, str]:
    return {
        f"FANSCRIBE_{peer}_CA_FILE": str(tls.ca_file),
        f"FANSCRIBE_{peer}_CERT_FILE": str(tls.cert_file),
        f"FANSCRIBE_{peer}_KEY_FILE": str(tls.key_file),
        f"FANSCRIBE_{peer}_SERVER_NAME": tls.server_name,
    }


@pytest.fixture(scope="module")
async def secured(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Secured]:
    folder = tmp_path_factory.mktemp("secured")
    authority = Authority(folder / "certificates")
    own = {service: authority.issue(service, name) for service, name in NAMES.items()}
    tokens = folder / "tokens"
    tokens.write_text(f"{TOKEN}\n")
    async with LocalStack(
        model="tiny.en",
        splitters=1,
        log_directory=folder / "logs",
        orchestrator_environment={
            **_served(own["orchestrator"].server()),
            **_called("SPLITTER", own["orchestrator"].client(NAMES["splitter"])),
            "FANSCRIBE_TOKENS_FILE": str(tokens),
        },
        splitter_environment={
            **_served(own["splitter"].server()),
            **_called("INFERENCE", own["splitter"].client(NAMES["inference"])),
        },
        inference_environment={
            **_served(own["inference"].server()),
            "FANSCRIBE_TLS_RESTART_WITHIN_S": "0",
        },
    ) as stack:
        yield Secured(stack, authority, own, authority.issue("caller", "web-site"), tokens)


@pytest.fixture
def clip(clips: list[Recording]) -> Recording:
    return clips[0]


@pytest.fixture
def clip_url(clip: Recording, media_host: RangeServer) -> str:
    return media_host.add(clip.path.name, clip.path)


async def test_speech_becomes_text(secured: Secured, clip: Recording, clip_url: str) -> None:
    async with secured.client() as client:
        transcript = await client.transcript(clip_url, timeout_s=120)
    assert word_error_rate(clip.transcript, transcript.text) < 0.2


async def test_the_command_shows_certificate_and_token(
    secured: Secured, clip: Recording, clip_url: str, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text(f"{TOKEN}\n")
    caller = secured.caller
    where = ["transcribe", clip_url, "--server", secured.stack.address, "--server-name", API]
    tls = ["--ca", caller.ca_file, "--cert", caller.cert_file, "--key", caller.key_file]
    with_file = await command.run(*where, *map(str, tls), "--token-file", str(token))
    assert with_file.status == 0, with_file.stderr
    assert word_error_rate(clip.transcript, with_file.stdout) < 0.2
    by_variable = await command.run(*where, *map(str, tls), FANSCRIBE_TOKEN=TOKEN)
    assert by_variable.stdout == with_file.stdout
    without = await command.run(*where, *map(str, tls))
    assert without.status == 4
    assert "wants a token" in without.stderr


async def test_callers_without_certificate_or_token_are_not_let_in(
    secured: Secured, clip_url: str, tmp_path: Path
) -> None:
    stranger = Authority(tmp_path)
    other = stranger.issue("other", "web-site")
    ours = secured.caller
    for tls in (
        ours.client(API, mutual=False),
        ClientTls(ours.ca_file, other.cert_file, other.key_file, API),
        ClientTls(stranger.file, ours.cert_file, ours.key_file, API),
        ours.client("other.speech.svc"),
    ):
        assert await _refusal(secured.client(tls), clip_url) is grpc.StatusCode.UNAVAILABLE
    plain = Client(secured.stack.address, token=TOKEN)
    assert await _refusal(plain, clip_url) is grpc.StatusCode.UNAVAILABLE
    for token in ("", OTHER_TOKEN):
        refused = await _refusal(secured.client(token=token), clip_url)
        assert refused is grpc.StatusCode.UNAUTHENTICATED
    page = await scrape(secured.stack.orchestrator.metrics_address)
    assert page.total("fanscribe_refused_calls_total", token="unknown") >= 1  # noqa: S106
    assert page.total("fanscribe_refused_calls_total", token="missing") >= 1  # noqa: S106


async def test_tokens_are_replaced_while_it_runs(secured: Secured, clip_url: str) -> None:
    secured.tokens.write_text(f"{TOKEN}\n{OTHER_TOKEN}\n")
    for token in (TOKEN, OTHER_TOKEN):
        async with secured.client(token=token) as client:
            await anext(client.transcribe(clip_url))
    secured.tokens.write_text(f"{TOKEN}\n")
    refused = await _refusal(secured.client(token=OTHER_TOKEN), clip_url)
    assert refused is grpc.StatusCode.UNAUTHENTICATED


async def test_probes_need_neither(secured: Secured) -> None:
    for service in secured.services[:-1]:
        for path in ("readyz", "healthz"):
            assert await _get(f"http://{service.metrics_address}/{path}") == 200
    triton = secured.stack.inference.addresses["http_address"]
    assert await _get(f"http://{triton}/v2/health/ready") == 200
    assert await _get(f"http://{triton}/v2/models/whisper/stats") == 200
    # But work comes by gRPC alone.
    assert await _get(f"http://{triton}/v2/models/whisper/config") == 403


async def test_renewed_certificates_are_taken_up_by_processes_that_run(
    secured: Secured, clip: Recording, clip_url: str
) -> None:
    before = {one.pid: await _certificate_of(one) for one in secured.services}
    for service, identity in secured.identities.items():
        secured.authority.renew(identity, NAMES[service])
    secured.authority.renew(secured.caller, "web-site")

    async def all_show_another() -> bool:
        now = [(await _certificate_of(one), before[one.pid]) for one in secured.services]
        return all(shown and shown != old for shown, old in now)

    await eventually(all_show_another, "all show their new certificates", deadline_s=120)
    async with secured.client() as client:
        transcript = await client.transcript(clip_url, timeout_s=120)
    assert word_error_rate(clip.transcript, transcript.text) < 0.2
    assert all(one.running for one in secured.services)


async def test_no_token_is_in_any_log(secured: Secured) -> None:
    """The last of this file: of all the calls before."""
    for service in secured.services:
        assert log_records(service.log_path)
        said = service.log_path.read_text()
        assert TOKEN not in said
        assert OTHER_TOKEN not in said


async def _refusal(client: Client, url: str) -> grpc.StatusCode:
    """How a call is refused."""
    async with client:
        with pytest.raises(TranscriptionError) as refused:
            await client.transcript(url, timeout_s=30)
    if refused.value.code is grpc.StatusCode.UNAUTHENTICATED:
        assert refused.value.reason == Reason.UNAUTHENTICATED
    return refused.value.code


async def _get(url: str) -> int:
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return int(answer.status)


async def _certificate_of(service: ServiceProcess) -> bytes:
    """What it shows whoever connects; empty while it cannot be reached."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    host, _, port = service.address.rpartition(":")
    try:
        async with asyncio.timeout(10):
            _, writer = await asyncio.open_connection(host, int(port), ssl=context)
    except OSError:
        return b""
    shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.transport.abort()
    return bytes(shown)
