"""Runs helm on the chart: what the tests look at, rendered once for each helm and values file."""

import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "deploy/helm/fanscribe"
VALUES = ROOT / "deploy/helm/values"
GOLDEN = Path(__file__).parent / "golden"

HELMS = ("3", "4")
# Every values file, and the chart's own defaults.
MATRIX = ("default", *sorted(file.stem for file in VALUES.glob("*.yaml")))
COMPONENTS = ("orchestrator", "splitter", "inference")

Resource = dict[str, Any]


def helm(major: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run helm of this major version; skips the test where `make setup` could not fetch it."""
    program = Path(sys.prefix) / "helm" / major / "helm"
    if not program.exists():
        pytest.skip(f"helm {major} is not in .venv: deploy/setup/chart_tools.py could not fetch it")
    return subprocess.run(
        [program, *arguments],
        env={**os.environ, "KUBECONFIG": os.devnull},  # no cluster, whatever this machine knows
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def values_arguments(name: str) -> list[str]:
    """Helm's arguments for a member of MATRIX."""
    return [] if name == "default" else ["--values", str(VALUES / f"{name}.yaml")]


@cache
def render(name: str, major: str = "4", release: str = "demo") -> str:
    """Manifests of a release in namespace `speech`, as text."""
    where = [release, str(CHART), "--namespace", "speech"]
    done = helm(major, "template", *where, *values_arguments(name))
    assert done.returncode == 0, done.stderr
    return done.stdout


@cache
def _loaded(text: str) -> tuple[Resource, ...]:
    return tuple(one for one in yaml.load_all(text, yaml.CSafeLoader) if one)


def resources(name: str, major: str = "4", release: str = "demo") -> list[Resource]:
    """The same, parsed. Not to be changed."""
    return list(_loaded(render(name, major, release)))


def refusal(*settings: str, values: str = "default", major: str = "4") -> str:
    """What helm says to values it must refuse (`--set` each)."""
    sets = [part for setting in settings for part in ("--set", setting)]
    done = helm(major, "template", "demo", str(CHART), *values_arguments(values), *sets)
    assert done.returncode != 0, "these values were accepted"
    return done.stderr


def one(found: list[Resource], kind: str, component: str) -> Resource:
    """The resource of this kind that belongs to a component."""
    label = "app.kubernetes.io/component"
    matching = [
        resource
        for resource in found
        if resource["kind"] == kind and resource["metadata"]["labels"][label] == component
    ]
    assert len(matching) == 1, f"{len(matching)} of {kind} {component}"
    return matching[0]


def pod_specs(found: list[Resource]) -> list[dict[str, Any]]:
    """Specs of all pods: those of Deployments, and of the test."""
    pods = [one["spec"]["template"]["spec"] for one in found if one["kind"] == "Deployment"]
    return pods + [one["spec"] for one in found if one["kind"] == "Pod"]


def container(deployment: Resource) -> dict[str, Any]:
    """The only container of a Deployment."""
    (found,) = deployment["spec"]["template"]["spec"]["containers"]
    return dict(found)


def environment(deployment: Resource) -> dict[str, str]:
    """Variables of its container that have a value; those of the field reference as a name."""
    variables = {}
    for variable in container(deployment)["env"]:
        reference = variable.get("valueFrom", {}).get("fieldRef", {}).get("fieldPath", "")
        # Every pod is in the namespace that `render` says.
        variables[variable["name"]] = variable.get("value") or ("speech" if reference else "")
    return variables
