"""What helm tells people after an installation: lines that work as they stand."""

import re

import pytest

from tests.chart.charts import CHART, MATRIX, helm, resources, values_arguments


def _notes(name: str, *settings: str) -> str:
    # Helm 3 does not do this without a cluster.
    where = ["demo", str(CHART), "--namespace", "speech", "--dry-run=client"]
    sets = [part for setting in settings for part in ("--set", setting)]
    done = helm("4", "install", *where, *values_arguments(name), *sets)
    assert done.returncode == 0, done.stderr
    _, _, notes = done.stdout.partition("NOTES:")
    assert notes
    return notes


@pytest.mark.parametrize("name", MATRIX)
def test_what_is_forwarded_is_there(name: str) -> None:
    installed = {
        (resource["kind"].lower(), resource["metadata"]["name"]): resource
        for resource in resources(name)
    }
    forwards = re.findall(r"port-forward (\w+)/(\S+) ([\d: ]+)", _notes(name))
    assert forwards
    for kind, target, ports in forwards:
        spec = installed[kind, target]["spec"]
        if kind == "service":
            open_ports = {port["port"] for port in spec["ports"]}
        else:
            (container,) = spec["template"]["spec"]["containers"]
            open_ports = {port["containerPort"] for port in container["ports"]}
        assert {int(port.partition(":")[2]) for port in ports.split()} <= open_ports


def test_callers_are_told_what_to_show() -> None:
    assert "grpcurl -plaintext localhost" in _notes("default")
    secured = _notes("tls")
    assert "get secret demo-fanscribe-orchestrator-tls " in secured
    assert "-cacert ca.crt -authority demo-fanscribe-orchestrator.speech.svc" in secured
    assert '-H "authorization: Bearer $TOKEN"' in secured
    assert "-authority speech.example.com -cert client.crt" in _notes("everything")


def test_notes_warn_of_what_stays_open() -> None:
    default, secured = _notes("default"), _notes("tls")
    for warning in ("neither a token nor a certificate", "each other in plain text"):
        assert warning in default
        assert warning not in secured
    assert "send their tokens in plain text" in _notes("default", "api.tokens.secretName=tokens")
    assert "networkPolicy.enabled is false" in _notes("pvc-static")
    assert "networkPolicy.apiServer.cidrs narrows that" in _notes("default")
    assert "networkPolicy.apiServer.cidrs narrows that" not in _notes("two-orchestrators")
