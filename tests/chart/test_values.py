"""Values that make no sense are refused, with a word on what would."""

import tomllib
from typing import Any

import pytest
import yaml

from tests.chart.charts import CHART, HELMS, ROOT, refusal
from tests.chart.settings import SERVICES, schema, setting_names, settings_in

DIGEST = "0" * 64


def test_the_chart_carries_the_version_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert chart["version"] == chart["appVersion"] == project["version"]


@pytest.mark.parametrize("major", HELMS)
@pytest.mark.parametrize(
    ("setting", "named"),
    [
        ("autoscaling.type=kedar", "keda"),
        ("splitter.slots=0", "slots"),
        ("splitter.replicas=two", "integer"),
        ("orchestrator.settings.MAX_JBS=3", "MAX_JBS"),
        ("inference.sttings.WORKERS=3", "sttings"),
        ("inference.gpu.count=2", "count"),
        ("inference.weights.sha256=abc", "sha256"),
        ("inference.external.address=triton", "address"),
        ("splitter.extraEnv[0].nme=X", "nme"),
        ("splitter.extraPodSpec.hostNetwork=true", "hostNetwork"),
        ("media.allowedNetworks[0]=10.0.0.0", "allowedNetworks"),
        ("autoscaling.prometheus.serverAddress=prometheus:9090", "serverAddress"),
        ("image.registry=example.com/", "registry"),
        ("tls.mode=self-signed", "mode"),
        ("tls.secrets.splitter=Not_A_Name", "splitter"),
        ("tls.certManager.duration=90d", "duration"),
        # No secret comes by value.
        ("api.tokens.values[0]=0123456789abcdef", "values"),
    ],
)
def test_the_schema_refuses(setting: str, named: str, major: str) -> None:
    assert named in refusal(setting, major=major)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (["components.inference=false"], "must be told host:port of a Triton"),
        (["inference.external.address=triton:8001"], "only where components.inference is false"),
        (["components.splitter=false"], "must be static, with addresses"),
        (["orchestrator.discovery.mode=static"], "needs the addresses of the splitters"),
        (["inference.gpu.enabled=true"], "the GPU image holds no weights"),
        (["inference.weights.source=pvc"], "need the SHA-256 of their model.bin"),
        (
            ["inference.weights.source=pvc", f"inference.weights.sha256={DIGEST}"],
            "pvc.claimName: needed",
        ),
        (["inference.extraArgs={--log-verbose=1}"], "only the GPU image"),
        (["tls.enabled=true"], "tls.secrets.orchestrator: name the secret"),
        (["tls.enabled=true", "tls.mode=certManager"], "say who issues the certificates"),
        (["api.tls.clientCertificates.required=true"], "without TLS nobody can show one"),
        (
            ["api.tls.clientCertificates.required=true", "api.tls.secretName=x"],
            "clientCertificates.secretName: name the secret",
        ),
        (["autoscaling.type=keda", "autoscaling.splitter.minReplicas=99"], "greater than max"),
        (
            ["components.orchestrator=false", "components.splitter=false", "autoscaling.type=keda"],
            "say whose backlog scales inference",
        ),
        (
            [f"components.{name}=false" for name in ("orchestrator", "splitter", "inference")],
            "at least one",
        ),
    ],
)
def test_contradictions_are_refused(settings: list[str], said: str) -> None:
    assert said in refusal(*settings)


def test_the_schema_knows_no_key_that_is_not_documented() -> None:
    def missing(schema: dict[str, Any], values: dict[str, Any], path: str) -> list[str]:
        found = []
        for key, part in schema.get("properties", {}).items():
            if key not in values:
                found.append(f"{path}{key}")
            elif isinstance(values[key], dict) and key != "settings":
                found += missing(part, values[key], f"{path}{key}.")
        return found

    values = yaml.safe_load((CHART / "values.yaml").read_text())
    assert missing(schema(), values, "") == ["global"]  # Helm's own


@pytest.mark.parametrize("part", SERVICES)
def test_the_schema_knows_every_setting(part: str) -> None:
    # After a change of the services: python -m tests.chart.golden
    assert set(settings_in(schema(), part)) == setting_names(part)
