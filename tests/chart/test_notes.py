"""What helm tells people after an installation: lines that work as they stand."""

import re

import pytest

from tests.chart.charts import CHART, HELMS, MATRIX, helm, resources, values_arguments


def _notes(name: str, major: str) -> str:
    done = helm(
        major, "install", "demo", str(CHART), "--namespace", "speech", "--dry-run=client",
        *values_arguments(name),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    _, _, notes = done.stdout.partition("NOTES:")
    assert notes
    return notes


@pytest.mark.parametrize("major", HELMS)
@pytest.mark.parametrize("name", MATRIX)
def test_what_is_forwarded_is_there(name: str, major: str) -> None:
    installed = {
        (resource["kind"].lower(), resource["metadata"]["name"]): resource
        for resource in resources(name)
    }
    forwards = re.findall(r"port-forward (\w+)/(\S+) ([\d: ]+)", _notes(name, major))
    assert forwards
    for kind, target, ports in forwards:
        spec = installed[kind, target]["spec"]
        if kind == "service":
            open_ports = {port["port"] for port in spec["ports"]}
        else:
            (container,) = spec["template"]["spec"]["containers"]
            open_ports = {port["containerPort"] for port in container["ports"]}
        assert {int(port.partition(":")[2]) for port in ports.split()} <= open_ports


def test_notes_warn_of_what_stays_open() -> None:
    assert "neither TLS nor authentication" in _notes("default", "4")
    assert "networkPolicy.enabled is false" in _notes("pvc-static", "4")
    assert "networkPolicy.apiServer.cidrs narrows that" in _notes("default", "4")
    assert "networkPolicy.apiServer.cidrs narrows that" not in _notes("two-orchestrators", "4")
