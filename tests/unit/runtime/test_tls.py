"""TLS over real connections: who is let in, who is believed, and renewals without a restart."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from grpc import aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from fanscribe.runtime.channels import open_channel
from fanscribe.runtime.server import LIVE, Bind, Server
from fanscribe.runtime.tls import ClientCredentials, ClientTls, ServerTls, server_credentials
from tests.support.certificates import Authority, Identity

NAME = "splitter.speech.svc"
SERVING = health_pb2.HealthCheckResponse.SERVING


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "ours")


@pytest.fixture
def stranger(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "theirs")


@asynccontextmanager
async def serving(tls: ServerTls | None) -> AsyncIterator[str]:
    async with Server([]).listening(Bind("127.0.0.1", 0), grace_s=0, tls=tls) as bound:
        yield str(bound)


async def ask(address: str, tls: ClientTls | ClientCredentials | None) -> str:
    """Ask for its health over a new channel; returns OK, or why not."""
    credentials = ClientCredentials(tls) if isinstance(tls, ClientTls) else tls
    async with open_channel(address, credentials) as channel:
        request = health_pb2.HealthCheckRequest(service=LIVE)
        try:
            answer = await health_pb2_grpc.HealthStub(channel).Check(request, timeout=10)
        except aio.AioRpcError as error:
            return f"{error.code().name}: {error.details()}"
    assert answer.status == SERVING
    return "OK"


async def test_a_server_by_tls_answers_those_who_believe_it(
    authority: Authority, stranger: Authority
) -> None:
    async with serving(authority.issue("server", NAME).server(mutual=False)) as address:
        assert await ask(address, ClientTls(authority.file, server_name=NAME)) == "OK"
        assert await ask(address, None) != "OK"
        unknown = await ask(address, ClientTls(stranger.file, server_name=NAME))
        assert "CERTIFICATE_VERIFY_FAILED" in unknown
        # The address is not in the certificate, and neither is another's name.
        for name in ("", "other.speech.svc"):
            told = await ask(address, ClientTls(authority.file, server_name=name))
            assert "Hostname Verification Check failed" in told


async def test_a_server_that_wants_certificates_gets_them(
    authority: Authority, stranger: Authority
) -> None:
    known = authority.issue("client", "orchestrator")
    other = stranger.issue("client", "orchestrator")
    pretender = ClientTls(authority.file, other.cert_file, other.key_file, NAME)
    async with serving(authority.issue("server", NAME).server()) as address:
        assert await ask(address, known.client(NAME)) == "OK"
        assert await ask(address, known.client(NAME, mutual=False)) != "OK"
        assert await ask(address, pretender) != "OK"


async def test_a_tls_client_gets_no_answer_in_plain_text(authority: Authority) -> None:
    async with serving(None) as address:
        assert await ask(address, ClientTls(authority.file, server_name=NAME)) != "OK"


async def test_renewed_certificates_count_without_a_restart(
    authority: Authority, stranger: Authority
) -> None:
    """Of both sides, the authorities too: all of it is another's afterwards."""
    server = authority.issue("server", NAME)
    client = authority.issue("client", "orchestrator")
    credentials = ClientCredentials(client.client(NAME))
    async with serving(server.server()) as address:
        assert await ask(address, credentials) == "OK"
        before = credentials.current()
        stranger.renew(server, NAME)
        # The renewal has replaced what both share, the authority's file, so the client's next
        # channel believes the server; its own certificate is of the old authority still.
        assert credentials.current() is not before
        assert await ask(address, credentials) != "OK"
        stranger.renew(client, "orchestrator")
        assert await ask(address, credentials) == "OK"


async def test_a_renewal_that_makes_no_sense_changes_nothing(
    authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    server = authority.issue("server", NAME)
    client = ClientCredentials(authority.issue("client", "orchestrator").client(NAME))
    other = authority.issue("other", NAME)
    async with serving(server.server()) as address:
        server.key_file.write_bytes(other.key_file.read_bytes())
        assert await ask(address, client) == "OK"
        assert await ask(address, client) == "OK"
        complaints = [record for record in caplog.records if record.levelname == "ERROR"]
        assert len(complaints) == 1
        assert "are not a certificate and its key" in complaints[0].getMessage()
        server.cert_file.unlink()
        assert await ask(address, client) == "OK"
        authority.renew(server, NAME)
        assert await ask(address, client) == "OK"


def test_files_that_are_no_good_are_refused(authority: Authority, tmp_path: Path) -> None:
    good, other = authority.issue("good", NAME), authority.issue("other", NAME)
    missing, empty = tmp_path / "missing.pem", tmp_path / "empty.pem"
    empty.touch()
    for cert_file, key_file, said in (
        (good.cert_file, other.key_file, "are not a certificate and its key"),
        (good.cert_file, missing, "cannot be read: No such file"),
        (empty, good.key_file, "are not a certificate and its key"),
        (good.cert_file, None, "one of them is missing"),
    ):
        with pytest.raises(ValueError, match=said):
            ClientTls(authority.file, cert_file, key_file)
        if key_file is not None:
            with pytest.raises(ValueError, match=said):
                server_credentials(ServerTls(cert_file, key_file))
    for file, said in ((missing, "cannot be read"), (empty, "holds no certificates")):
        with pytest.raises(ValueError, match=said):
            ClientTls(file)


def _mount(folder: Path, identity: Identity, version: int) -> None:
    """Lay a secret out as the kubelet does, and change it: by one rename, all files at once."""
    content = folder / f"..{version}"
    content.mkdir(parents=True)
    for name, file in (("tls.crt", identity.cert_file), ("tls.key", identity.key_file)):
        (content / name).write_bytes(file.read_bytes())
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(f"..data/{name}")
    (folder / "..new").symlink_to(content.name)
    (folder / "..new").rename(folder / "..data")


async def test_nobody_is_turned_away_while_a_mounted_secret_changes(
    authority: Authority, tmp_path: Path
) -> None:
    folder = tmp_path / "mounted"
    own = authority.issue("own", NAME)
    _mount(folder, own, 0)
    server = ServerTls(folder / "tls.crt", folder / "tls.key", authority.file)
    client = ClientTls(authority.file, folder / "tls.crt", folder / "tls.key", NAME)
    credentials = ClientCredentials(client)
    used = {credentials.current()}
    async with serving(server) as address:
        for version in range(1, 20):
            authority.renew(own, NAME)
            asking = asyncio.create_task(ask(address, credentials))
            await asyncio.to_thread(_mount, folder, own, version)
            assert await asking == "OK"
            assert await ask(address, credentials) == "OK"
            used.add(credentials.current())
    assert len(used) == 20
