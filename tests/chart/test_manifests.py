"""Every values file, with helm 3 and 4: linted, rendered, and held against the API's schemas."""

import json
import re
import subprocess
import sys
from functools import cache
from importlib import resources as package_files
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
from cloudcoil.models.cert_manager.v1 import Certificate
from cloudcoil.models.keda.v1alpha1 import ScaledObject
from cloudcoil.models.prometheus_operator.v1 import PodMonitor, PrometheusRule

from tests.chart.charts import (
    CHART,
    HELMS,
    MATRIX,
    ROOT,
    Resource,
    helm,
    resources,
    values_arguments,
)
from tests.chart.golden import GOLDEN, KEPT, rendered

MODELS = {
    "Certificate": Certificate,
    "PodMonitor": PodMonitor,
    "PrometheusRule": PrometheusRule,
    "ScaledObject": ScaledObject,
}
# Of KEDA 2.18, younger than the models.
YOUNGER_FIELDS = {"spec.fallback.behavior"}
SHARED = ROOT.parent / "shared"


def _newest_versions(count: int) -> list[str]:
    folder = package_files.files(kubernetes_validate) / "kubernetes-json-schema"
    names = " ".join(entry.name for entry in folder.iterdir())
    minors = sorted({int(minor) for minor in re.findall(r"v1\.(\d+)\.", names)})
    return [f"1.{minor}" for minor in minors[-count:]]


@cache
def _all_resources() -> list[Resource]:
    """Resources of all values files, each once."""
    found = (resource for name in MATRIX for resource in resources(name))
    return list({json.dumps(resource): resource for resource in found}.values())


@pytest.mark.parametrize("major", HELMS)
@pytest.mark.parametrize("name", MATRIX)
def test_helm_finds_nothing_to_complain_about(name: str, major: str) -> None:
    done = helm(major, "lint", "--strict", "--quiet", str(CHART), *values_arguments(name))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", MATRIX)
def test_helm_3_and_helm_4_render_the_same(name: str) -> None:
    def by_name(found: list[Resource]) -> list[Resource]:
        return sorted(found, key=lambda one: (one["kind"], one["metadata"]["name"]))

    assert by_name(resources(name, "3")) == by_name(resources(name, "4"))


@pytest.mark.parametrize("version", _newest_versions(5))
def test_kubernetes_knows_every_field(version: str) -> None:
    for resource in _all_resources():
        if resource["kind"] not in MODELS:
            kubernetes_validate.validate(resource, version, strict=True)


def test_a_field_that_kubernetes_does_not_know_would_be_found() -> None:
    (*_, deployment) = (one for one in resources("default") if one["kind"] == "Deployment")
    wrong = json.loads(json.dumps(deployment))
    wrong["spec"]["template"]["spec"]["containers"][0]["readynessProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, _newest_versions(1)[0], strict=True)


def _lost(sent: Any, kept: Any, path: str = "") -> list[str]:
    """Paths of what a model did not keep, or changed."""
    if isinstance(sent, dict) and isinstance(kept, dict):
        return [
            lost
            for key, value in sent.items()
            for lost in _lost(value, kept.get(key), f"{path}.{key}" if path else key)
        ]
    if isinstance(sent, list) and isinstance(kept, list) and len(sent) == len(kept):
        return [lost for pair in zip(sent, kept, strict=True) for lost in _lost(*pair, path)]
    return [] if sent == kept else [path]


def _custom_resources() -> list[Resource]:
    return [resource for resource in _all_resources() if resource["kind"] in MODELS]


def test_custom_resources_fit_their_models() -> None:
    found = _custom_resources()
    assert {resource["kind"] for resource in found} == set(MODELS)
    for resource in found:
        model = MODELS[resource["kind"]].model_validate(resource)
        # The models pass over fields that they do not know.
        kept = model.model_dump(by_alias=True, exclude_unset=True, mode="json")
        assert set(_lost(resource, kept)) <= YOUNGER_FIELDS


def test_custom_resources_fit_the_published_definitions(tmp_path: Path) -> None:
    checker = SHARED / "tools/crdcheck.py"
    if not checker.exists():
        pytest.skip("no custom resource definitions beside this checkout")
    file = tmp_path / "custom.json"
    # Those of cert-manager may not be among them.
    manager = any(SHARED.glob("crds/cert-manager.io_certificates.yaml"))
    for resource in _custom_resources():
        if resource["kind"] == "Certificate" and not manager:
            continue
        file.write_text(json.dumps(resource))
        command = [sys.executable, checker, SHARED / "crds", file]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout
        assert done.stdout.startswith("OK"), done.stdout


@pytest.mark.parametrize("name", KEPT)
def test_renders_are_those_that_were_looked_at(name: str) -> None:
    # After a change that is meant: python -m tests.chart.golden
    assert rendered(name) == (GOLDEN / f"{name}.yaml").read_text()
