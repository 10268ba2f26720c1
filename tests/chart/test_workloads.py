"""What the workloads are told, allowed and asked."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from fanscribe.inference.settings import InferenceSettings
from fanscribe.orchestrator.settings import OrchestratorSettings
from fanscribe.runtime.server import LIVE
from fanscribe.runtime.settings import Settings
from fanscribe.splitter.settings import SplitterSettings
from tests.chart.charts import (
    CHART,
    COMPONENTS,
    MATRIX,
    Resource,
    container,
    environment,
    helm,
    one,
    pod_specs,
    resources,
)
from tests.support.certificates import Authority

SETTINGS: dict[str, type[Settings]] = {
    "orchestrator": OrchestratorSettings,
    "splitter": SplitterSettings,
    "inference": InferenceSettings,
}
# Settings of the orchestrator's discovery.
DISCOVERY = {"discovery", "splitters", "splitter_service", "splitter_port_name", "namespace"}


def _deployments(name: str) -> Iterator[tuple[str, Resource]]:
    for resource in resources(name):
        if resource["kind"] == "Deployment":
            yield resource["metadata"]["labels"]["app.kubernetes.io/component"], resource


@pytest.mark.parametrize("name", MATRIX)
def test_services_understand_what_they_are_told(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for component, deployment in _deployments(name):
        variables = {
            key: value
            for key, value in environment(deployment).items()
            if key.startswith("FANSCRIBE_")
        }
        fields = {key.removeprefix("FANSCRIBE_").lower() for key in variables}
        assert fields <= set(SETTINGS[component].model_fields) | DISCOVERY
        with monkeypatch.context() as patch:
            for key, value in variables.items():
                if not key.endswith("_FILE"):  # they are in the cluster
                    patch.setenv(key, value)
            SETTINGS[component]()


@pytest.mark.parametrize("name", MATRIX)
def test_nothing_runs_with_more_rights_than_it_needs(name: str) -> None:
    for pod in pod_specs(resources(name)):
        assert pod["securityContext"]["runAsNonRoot"] is True
        # A Service named fanscribe would set FANSCRIBE_PORT.
        assert pod["enableServiceLinks"] is False
        for one_container in [*pod.get("initContainers", []), *pod["containers"]]:
            context = one_container["securityContext"]
            assert context["readOnlyRootFilesystem"] is True
            assert context["allowPrivilegeEscalation"] is False
            assert context["capabilities"] == {"drop": ["ALL"]}
            assert one_container["resources"]["requests"]
            assert "memory" in one_container["resources"]["limits"]


def test_only_the_orchestrator_may_talk_to_the_api_server() -> None:
    found = resources("default")
    for component in COMPONENTS:
        pod = one(found, "Deployment", component)["spec"]["template"]["spec"]
        assert pod["automountServiceAccountToken"] is (component == "orchestrator")
    assert one(found, "Role", "orchestrator")["rules"] == [
        {
            "apiGroups": ["discovery.k8s.io"],
            "resources": ["endpointslices"],
            "verbs": ["get", "list", "watch"],
        }
    ]
    without = resources("two-orchestrators")
    assert not [one for one in without if one["kind"] in {"Role", "RoleBinding"}]


@pytest.mark.parametrize("name", MATRIX)
def test_termination_leaves_time_to_drain(name: str) -> None:
    for _, deployment in _deployments(name):
        pod = deployment["spec"]["template"]["spec"]
        pre_stop_s = container(deployment)["lifecycle"]["preStop"]["sleep"]["seconds"]
        drain_s = float(environment(deployment)["FANSCRIBE_DRAIN_S"])
        assert pod["terminationGracePeriodSeconds"] > pre_stop_s + drain_s


@pytest.mark.parametrize(
    ("name", "fixed"),
    [
        ("default", {"orchestrator", "splitter", "inference"}),
        ("keda", {"orchestrator"}),
        ("hpa", {"orchestrator"}),
    ],
)
def test_replicas_belong_to_the_autoscaler(name: str, fixed: set[str]) -> None:
    told = {part for part, deployment in _deployments(name) if "replicas" in deployment["spec"]}
    assert told == fixed


def test_a_splitter_without_a_model_is_not_restarted() -> None:
    probes = container(one(resources("default"), "Deployment", "splitter"))
    assert probes["readinessProbe"]["grpc"] == {"port": 50051}
    assert probes["livenessProbe"]["grpc"] == {"port": 50051, "service": LIVE}


def test_services_that_speak_tls_are_probed_by_http() -> None:
    # Callers speak TLS to the orchestrator, and services plain text to each other.
    done = helm("4", "template", "demo", str(CHART), "--set=api.tls.secretName=callers")
    found = [found for found in yaml.safe_load_all(done.stdout) if found]
    asked = {
        component: container(one(found, "Deployment", component))["livenessProbe"].keys()
        for component in ("orchestrator", "splitter")
    }
    assert "httpGet" in asked["orchestrator"]
    assert "grpc" in asked["splitter"]


def test_a_gpu_is_asked_for_by_name() -> None:
    whole = one(resources("gpu"), "Deployment", "inference")
    assert container(whole)["resources"]["limits"]["nvidia.com/gpu"] == 1
    assert container(whole)["image"] == "registry.example.com/speech/fanscribe-inference-gpu:0.1.0"
    tolerations = whole["spec"]["template"]["spec"]["tolerations"]
    assert {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"} in tolerations
    slice_of_one = one(resources("everything"), "Deployment", "inference")
    limits = container(slice_of_one)["resources"]["limits"]
    assert limits["nvidia.com/mig-1g.10gb"] == 1
    assert "nvidia.com/gpu" not in limits


@pytest.mark.parametrize(
    ("name", "workers"), [("default", "2"), ("cpu", "4"), ("gpu", "2"), ("everything", "3")]
)
def test_workers_follow_from_what_the_pod_may_use(name: str, workers: str) -> None:
    told = environment(one(resources(name), "Deployment", "inference"))
    assert told["FANSCRIBE_WORKERS"] == workers


def test_weights_are_never_written_by_the_model() -> None:
    for name in ("gpu", "inference-only", "everything", "pvc-static"):
        triton = container(one(resources(name), "Deployment", "inference"))
        (weights,) = [mount for mount in triton["volumeMounts"] if mount["name"] == "weights"]
        assert weights["readOnly"] is True


def test_inference_is_installed_apart() -> None:
    apart = resources("inference-only")
    labels = [one["metadata"]["labels"]["app.kubernetes.io/component"] for one in apart]
    assert not {"orchestrator", "splitter"} & set(labels)
    rest = resources("external-inference")
    assert not [one for one in rest if one["metadata"]["name"].endswith("-inference")]
    told = environment(one(rest, "Deployment", "splitter"))
    assert (
        told["FANSCRIBE_INFERENCE_ADDRESS"] == "dns:///models-fanscribe-inference.models.svc:8001"
    )


def test_a_release_of_the_services_leaves_inference_alone() -> None:
    """Nothing that differs between versions of the chart stands in the pods."""
    for _, deployment in _deployments("default"):
        labels = deployment["spec"]["template"]["metadata"]["labels"]
        assert not {"helm.sh/chart", "app.kubernetes.io/version"} & set(labels)


def test_large_numbers_stay_whole() -> None:
    told = environment(one(resources("everything"), "Deployment", "splitter"))
    assert told["FANSCRIBE_MEDIA_CACHE_BYTES"] == "134217728"


def test_secrets_are_only_referred_to() -> None:
    for name in MATRIX:
        assert not [one for one in resources(name) if one["kind"] == "Secret"]


def test_two_releases_share_a_namespace() -> None:
    def names(release: str) -> set[tuple[str, str]]:
        found = resources("default", release=release)
        return {(one["kind"], one["metadata"]["name"]) for one in found}

    assert not names("demo") & names("other")


def _peers(rules: list[dict[str, Any]], port: int) -> list[dict[str, Any]]:
    """Peers of the rules that allow a port."""
    return [
        peer
        for rule in rules
        if not rule.get("ports") or port in [entry["port"] for entry in rule["ports"]]
        for peer in rule.get("from", rule.get("to", [{}]))
    ]


def test_triton_answers_only_splitters() -> None:
    policy = one(resources("default"), "NetworkPolicy", "inference")["spec"]
    (peer,) = _peers(policy["ingress"], 8001)
    assert peer["podSelector"]["matchLabels"]["app.kubernetes.io/component"] == "splitter"
    assert policy["policyTypes"] == ["Ingress", "Egress"]


def test_recordings_come_from_the_internet_alone() -> None:
    policy = one(resources("default"), "NetworkPolicy", "splitter")["spec"]
    blocks = [peer["ipBlock"] for peer in _peers(policy["egress"], 443)]
    assert [block["cidr"] for block in blocks] == ["0.0.0.0/0", "::/0"]
    assert {"10.0.0.0/8", "169.254.0.0/16", "100.64.0.0/10"} <= set(blocks[0]["except"])
    assert "fc00::/7" in blocks[1]["except"]


def test_networks_are_allowed_and_denied_for_services_and_policies_alike() -> None:
    found = resources("everything")
    for component in ("orchestrator", "splitter"):
        told = environment(one(found, "Deployment", component))
        assert told["FANSCRIBE_MEDIA_ALLOWED_NETWORKS"] == "10.20.0.0/16,fd00:20::/64"
        egress = one(found, "NetworkPolicy", component)["spec"]["egress"]
        blocks = [peer["ipBlock"] for peer in _peers(egress, 8443) if "ipBlock" in peer]
        assert {"10.20.0.0/16", "fd00:20::/64"} <= {block["cidr"] for block in blocks}
        assert "203.0.113.0/24" in blocks[0]["except"]


def test_the_api_server_is_reached_where_values_say() -> None:
    egress = one(resources("everything"), "NetworkPolicy", "orchestrator")["spec"]["egress"]
    assert {"ipBlock": {"cidr": "10.0.0.1/32"}} in _peers(egress, 6443)


def _secrets(deployment: Resource) -> dict[str, str]:
    """Secrets that are mounted whole, by folder: never as a subPath, which is not renewed."""
    volumes = {
        volume["name"]: volume["secret"]["secretName"]
        for volume in deployment["spec"]["template"]["spec"]["volumes"]
        if "secret" in volume
    }
    mounts = [one for one in container(deployment)["volumeMounts"] if one["name"] in volumes]
    assert all(mount["readOnly"] and "subPath" not in mount for mount in mounts)
    return {mount["mountPath"]: volumes[mount["name"]] for mount in mounts}


@pytest.mark.parametrize("name", MATRIX)
def test_every_credential_that_a_service_is_told_of_is_mounted(name: str) -> None:
    for _, deployment in _deployments(name):
        files = {
            value
            for key, value in environment(deployment).items()
            if key.endswith("_FILE") and key != "FANSCRIBE_MEDIA_CA_FILE"
        }
        assert {file.rpartition("/")[0] for file in files} == set(_secrets(deployment))


def test_everybody_shows_a_certificate_that_cert_manager_makes() -> None:
    found = resources("tls")
    for component in COMPONENTS:
        certificate = one(found, "Certificate", component)["spec"]
        assert f"demo-fanscribe-{component}.speech.svc" in certificate["dnsNames"]
        assert {"server auth", "client auth"} <= set(certificate["usages"])
        assert certificate["issuerRef"]["name"] == "fanscribe"
        deployment = one(found, "Deployment", component)
        assert _secrets(deployment)["/etc/fanscribe/tls"] == certificate["secretName"]
        told = environment(deployment)
        assert told["FANSCRIBE_TLS_CERT_FILE"] == "/etc/fanscribe/tls/tls.crt"
        (grpc,) = [
            port for port in one(found, "Service", component)["spec"]["ports"]
            if port["name"] == "grpc"
        ]  # fmt: skip
        assert grpc["appProtocol"] == "https"
    # Callers show a token; the services each other their certificates.
    orchestrator = environment(one(found, "Deployment", "orchestrator"))
    assert "FANSCRIBE_TLS_CLIENT_CA_FILE" not in orchestrator
    assert orchestrator["FANSCRIBE_TOKENS_FILE"] == "/etc/fanscribe/tokens/tokens"
    for component, peer in (("orchestrator", "SPLITTER"), ("splitter", "INFERENCE")):
        told = environment(one(found, "Deployment", component))
        assert told[f"FANSCRIBE_{peer}_CA_FILE"] == "/etc/fanscribe/tls/ca.crt"
        assert told[f"FANSCRIBE_{peer}_CERT_FILE"] == "/etc/fanscribe/tls/tls.crt"
        callee = environment(one(found, "Deployment", peer.lower()))
        assert callee["FANSCRIBE_TLS_CLIENT_CA_FILE"] == "/etc/fanscribe/tls/ca.crt"


def test_callers_may_see_another_certificate_than_the_services() -> None:
    orchestrator = one(resources("everything"), "Deployment", "orchestrator")
    assert _secrets(orchestrator) == {
        "/etc/fanscribe/tls": "orchestrator-tls",
        "/etc/fanscribe/api-tls": "api-tls",
        "/etc/fanscribe/callers": "callers",
        "/etc/fanscribe/tokens": "api-tokens",
    }
    told = environment(orchestrator)
    assert told["FANSCRIBE_TLS_CERT_FILE"] == "/etc/fanscribe/api-tls/tls.crt"
    assert told["FANSCRIBE_TLS_CLIENT_CA_FILE"] == "/etc/fanscribe/callers/ca.crt"
    assert told["FANSCRIBE_SPLITTER_CERT_FILE"] == "/etc/fanscribe/tls/tls.crt"


def test_the_discoverys_name_is_the_one_in_the_splitters_certificate(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Pods are called by addresses that no certificate could hold."""
    found = resources("tls")
    for key, value in environment(one(found, "Deployment", "orchestrator")).items():
        if key.startswith("FANSCRIBE_") and not key.endswith("_FILE"):
            monkeypatch.setenv(key, value)
    monkeypatch.setenv("FANSCRIBE_SPLITTER_CA_FILE", str(Authority(tmp_path).file))
    tls = OrchestratorSettings().splitter_tls
    assert tls is not None
    assert tls.server_name in one(found, "Certificate", "splitter")["spec"]["dnsNames"]


def test_probes_need_no_certificate() -> None:
    for component, deployment in _deployments("tls"):
        spec = container(deployment)
        probes = {key: probe for key, probe in spec.items() if key.endswith("Probe")}
        assert {"readinessProbe", "livenessProbe"} <= set(probes)
        expected = "http" if component == "inference" else "metrics"
        assert {probe["httpGet"]["port"] for probe in probes.values()} == {expected}


def test_the_helm_test_calls_as_callers_do() -> None:
    (pod,) = [one for one in resources("tls") if one["kind"] == "Pod"]
    (script,) = pod["spec"]["containers"]
    told = {variable["name"]: variable["value"] for variable in script["env"]}
    assert told["TLS_NAME"] == "demo-fanscribe-orchestrator.speech.svc"
    (volume,) = pod["spec"]["volumes"]
    (source,) = volume["projected"]["sources"]
    assert source["secret"]["name"] == "demo-fanscribe-orchestrator-tls"
    # Nobody gave it a certificate of the callers' authority.
    assert not [one for one in resources("everything") if one["kind"] == "Pod"]
