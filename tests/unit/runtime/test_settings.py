"""Settings: read once, and a bad value stops the process by name."""

from ipaddress import ip_network
from pathlib import Path

import pytest

from fanscribe.orchestrator.settings import OrchestratorSettings
from fanscribe.runtime.settings import read_settings
from fanscribe.runtime.tls import ClientTls, ServerTls
from fanscribe.splitter.settings import SplitterSettings
from tests.support.certificates import Authority


def test_reads_lists_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FANSCRIBE_SPLITTERS", "a:1, b:2,")
    monkeypatch.setenv("FANSCRIBE_MEDIA_ALLOWED_NETWORKS", "10.0.0.0/8,::1/128")
    settings = read_settings(OrchestratorSettings)
    assert settings.splitters == ("a:1", "b:2")
    assert settings.media_allowed_networks == (ip_network("10.0.0.0/8"), ip_network("::1/128"))


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("FANSCRIBE_PORT", "seventy"),
        ("FANSCRIBE_MACRO_CHUNK_SIZE_SEC", "5"),
        ("FANSCRIBE_SPLITTERS", "no-port"),
        ("FANSCRIBE_MEDIA_ALLOWED_NETWORKS", "10.0.0.0/99"),
        ("FANSCRIBE_LOG_LEVEL", "loud"),
    ],
)
def test_a_bad_value_stops_the_process(
    variable: str,
    value: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SystemExit) as stopped:
        read_settings(OrchestratorSettings)
    assert stopped.value.code == 78
    told = capsys.readouterr().err
    assert told.startswith(variable + ":")
    assert value in told


def _set(monkeypatch: pytest.MonkeyPatch, variables: dict[str, object]) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(f"FANSCRIBE_{name}", str(value))


def test_credentials_are_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    own = Authority(tmp_path).issue("own", "orchestrator")
    tokens = tmp_path / "tokens"
    tokens.write_text("0123456789abcdef\n")
    cert, key, authorities = own.cert_file, own.key_file, own.ca_file
    _set(
        monkeypatch,
        {
            "TLS_CERT_FILE": cert,
            "TLS_KEY_FILE": key,
            "TLS_CLIENT_CA_FILE": authorities,
            "TOKENS_FILE": tokens,
            "SPLITTER_CA_FILE": authorities,
            "SPLITTER_CERT_FILE": cert,
            "SPLITTER_KEY_FILE": key,
            "INFERENCE_CA_FILE": authorities,
            "INFERENCE_SERVER_NAME": "triton",
        },
    )
    orchestrator, splitter = read_settings(OrchestratorSettings), read_settings(SplitterSettings)
    assert orchestrator.server_tls == ServerTls(cert, key, authorities)
    assert orchestrator.splitter_tls == ClientTls(authorities, cert, key)
    assert orchestrator.tokens_file == tokens
    assert splitter.inference_tls == ClientTls(authorities, server_name="triton")


def test_splitters_at_changing_addresses_have_their_services_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _set(
        monkeypatch,
        {
            "DISCOVERY": "kubernetes",
            "NAMESPACE": "speech",
            "SPLITTER_SERVICE": "demo-splitter",
            "SPLITTER_CA_FILE": Authority(tmp_path).file,
        },
    )
    tls = read_settings(OrchestratorSettings).splitter_tls
    assert tls is not None
    assert tls.server_name == "demo-splitter.speech.svc"
    monkeypatch.setenv("FANSCRIBE_SPLITTER_SERVER_NAME", "splitters.example.com")
    tls = read_settings(OrchestratorSettings).splitter_tls
    assert tls is not None
    assert tls.server_name == "splitters.example.com"


def test_without_credentials_there_is_plain_text() -> None:
    assert OrchestratorSettings().server_tls is None
    assert OrchestratorSettings().splitter_tls is None
    assert SplitterSettings().inference_tls is None


@pytest.mark.parametrize(
    ("files", "named", "said"),
    [
        ({"TLS_CERT_FILE": "nowhere"}, "TLS_CERT_FILE", "cannot be read"),
        ({"TLS_CERT_FILE": "own.crt"}, "TLS_KEY_FILE", "one is missing"),
        ({"TLS_KEY_FILE": "own.key"}, "TLS_KEY_FILE", "one is missing"),
        ({"TLS_CERT_FILE": "own.crt", "TLS_KEY_FILE": "other.key"}, "TLS_KEY_FILE", "are not a"),
        ({"TLS_CLIENT_CA_FILE": "ca.crt"}, "TLS_CLIENT_CA_FILE", "FANSCRIBE_TLS_CERT_FILE"),
        ({"SPLITTER_CA_FILE": "own.key"}, "SPLITTER_CA_FILE", "holds no certificates"),
        ({"SPLITTER_CERT_FILE": "own.crt"}, "SPLITTER_CERT_FILE", "FANSCRIBE_SPLITTER_CA_FILE"),
        (
            {"SPLITTER_CA_FILE": "ca.crt", "SPLITTER_CERT_FILE": "own.crt"},
            "SPLITTER_KEY_FILE",
            "one is missing",
        ),
        ({"TOKENS_FILE": "tokens"}, "TOKENS_FILE", "shorter than 16"),
    ],
)
def test_credentials_that_are_no_good_stop_the_process_by_name(
    files: dict[str, str],
    named: str,
    said: str,
    *,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    authority = Authority(tmp_path)
    authority.issue("own", "orchestrator")
    authority.issue("other", "orchestrator")
    (tmp_path / "tokens").write_text("s3cr3t\n")
    _set(monkeypatch, {name: tmp_path / file for name, file in files.items()})
    with pytest.raises(SystemExit) as stopped:
        read_settings(OrchestratorSettings)
    assert stopped.value.code == 78
    told = capsys.readouterr().err
    assert f"FANSCRIBE_{named}: " in told
    assert said in told
    assert "s3cr3t" not in told
