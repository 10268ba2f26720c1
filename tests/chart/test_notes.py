"""What helm tells people after an installation: lines that work as they stand."""

import re

import pytest

from tests.chart.charts import CHART, MATRIX, helm, resources, values_arguments


def _notes(name: str) -> str:
    # Helm 3 does not do this without a cluster.
    where = ["demo", str(CHART), "--namespace", "speech"]
    done = helm("4", "install", *where, "--dry-run=client", *values_arguments(name))
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


def test_notes_warn_of_what_stays_open() -> None:
    assert "neither TLS nor authentication" in _notes("default")
    assert "networkPolicy.enabled is false" in _notes("pvc-static")
    assert "networkPolicy.apiServer.cidrs narrows that" in _notes("default")
    assert "networkPolicy.apiServer.cidrs narrows that" not in _notes("two-orchestrators")
