"""Settings of the discovery: what one way needs and others must not be told."""

import pytest

from fanscribe.orchestrator.settings import OrchestratorSettings
from fanscribe.runtime.settings import read_settings


def read(monkeypatch: pytest.MonkeyPatch, **variables: str) -> OrchestratorSettings:
    for name, value in variables.items():
        monkeypatch.setenv(f"FANSCRIBE_{name}", value)
    return read_settings(OrchestratorSettings)


def test_without_variables_there_is_a_list_of_none(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = read(monkeypatch)
    assert (settings.discovery, settings.splitters) == ("static", ())


@pytest.mark.parametrize(
    ("variables", "host"),
    [
        ({"SPLITTER_SERVICE": "splitter"}, "splitter"),
        ({"SPLITTER_SERVICE": "splitter", "NAMESPACE": "speech"}, "splitter.speech.svc"),
        ({"SPLITTER_SERVICE": "pool.example.com", "NAMESPACE": "speech"}, "pool.example.com"),
    ],
)
def test_the_name_that_dns_is_asked_for(
    variables: dict[str, str], host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert read(monkeypatch, DISCOVERY="dns", **variables).splitter_host == host


@pytest.mark.parametrize(
    ("variables", "wrong"),
    [
        ({"DISCOVERY": "zookeeper"}, {"DISCOVERY"}),
        ({"DISCOVERY": "dns"}, {"SPLITTER_SERVICE"}),
        ({"DISCOVERY": "kubernetes"}, {"SPLITTER_SERVICE", "NAMESPACE"}),
        (
            {"DISCOVERY": "kubernetes", "SPLITTER_SERVICE": "a.b.svc", "NAMESPACE": "speech"},
            {"SPLITTER_SERVICE"},
        ),
        ({"DISCOVERY": "dns", "SPLITTER_SERVICE": "a..b"}, {"SPLITTER_SERVICE"}),
        (
            {"DISCOVERY": "dns", "SPLITTER_SERVICE": "a", "SPLITTERS": "b:1"},
            {"SPLITTERS"},
        ),
        ({"SPLITTER_PORT": "0", "NAMESPACE": "Spee/ch"}, {"SPLITTER_PORT", "NAMESPACE"}),
        ({"SPLITTER_PORT_NAME": ""}, {"SPLITTER_PORT_NAME"}),
    ],
)
def test_bad_values_stop_the_process_all_named_at_once(
    variables: dict[str, str],
    wrong: set[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as stopped:
        read(monkeypatch, **variables)
    assert stopped.value.code == 78
    told = capsys.readouterr().err.splitlines()
    assert {line.partition(":")[0] for line in told} == {f"FANSCRIBE_{name}" for name in wrong}
