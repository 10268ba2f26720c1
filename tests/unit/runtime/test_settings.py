"""Settings: read once, and a bad value stops the process by name."""

from ipaddress import ip_network

import pytest

from fanscribe.orchestrator.settings import OrchestratorSettings
from fanscribe.runtime.settings import read_settings


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
