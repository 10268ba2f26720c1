"""The chart on a real API server: what it accepts, and a release from its first day to its last."""

import pytest
import yaml

from tests.chart.charts import CHART, HELMS, MATRIX, render, values_arguments
from tests.cluster.control_plane import ControlPlane
from tests.cluster.release import Release


@pytest.mark.parametrize("name", MATRIX)
def test_the_api_server_accepts_every_field(cluster: ControlPlane, name: str) -> None:
    cluster.kubectl(
        "apply",
        "--server-side",
        "--dry-run=server",
        "--validate=strict",
        "--filename=-",
        manifests=render(name),
    )


def test_the_api_server_refuses_a_field_that_it_does_not_know(cluster: ControlPlane) -> None:
    (deployment, *_) = [
        one for one in yaml.safe_load_all(render("default")) if one and one["kind"] == "Deployment"
    ]
    deployment["spec"]["template"]["spec"]["containers"][0]["imagePolicy"] = "Always"
    with pytest.raises(AssertionError, match="imagePolicy"):
        cluster.kubectl(
            *("apply", "--server-side", "--dry-run=server", "--validate=strict", "--filename=-"),
            manifests=yaml.safe_dump(deployment),
        )


@pytest.fixture
def release(cluster: ControlPlane, request: pytest.FixtureRequest) -> Release:
    """A release with the helm that the test names."""
    return Release(cluster, request.param, f"helm{request.param}")


@pytest.mark.parametrize("release", HELMS, indirect=True)
def test_a_release_is_installed_upgraded_rolled_back_and_removed(release: Release) -> None:
    release.helm("install", str(CHART))
    before = release.replicas()
    assert before == {"orchestrator": 1, "splitter": 2, "inference": 1}

    release.helm("upgrade", str(CHART), "--set=splitter.replicas=5")
    assert release.replicas() == {**before, "splitter": 5}

    release.helm("rollback", "1")
    assert release.replicas() == before

    release.helm("uninstall")
    kinds = "deployments,services,serviceaccounts,roles,rolebindings,networkpolicies,configmaps"
    assert release.found(kinds) == []


@pytest.mark.parametrize("release", HELMS, indirect=True)
def test_the_api_servers_own_addresses_are_looked_up(release: Release) -> None:
    release.helm("install", str(CHART))
    try:
        (policy,) = [
            one
            for one in release.found("networkpolicies")
            if one["metadata"]["name"].endswith("orchestrator")
        ]
        allowed = {
            peer["ipBlock"]["cidr"]
            for rule in policy["spec"]["egress"]
            for peer in rule.get("to", ())
            if "ipBlock" in peer and rule["ports"][0]["port"] == 443
        }
        assert allowed == {"10.96.0.1/32", "192.0.2.10/32"}
    finally:
        release.helm("uninstall")


@pytest.mark.parametrize("release", HELMS, indirect=True)
def test_turning_autoscaling_on_leaves_replicas_alone(
    release: Release, cluster: ControlPlane
) -> None:
    release.helm("install", str(CHART))
    try:
        # As KEDA would, once it owns them.
        upgrade = ["upgrade", str(CHART), *values_arguments("keda")]
        release.helm(*upgrade)
        assert len(release.found("scaledobjects")) == 2
        for component in ("splitter", "inference"):
            name = f"deployment/{release.name}-fanscribe-{component}"
            cluster.kubectl("scale", name, "--replicas=3", "--namespace=speech")
        release.helm(*upgrade, "--set=splitter.logLevel=debug")
        assert release.replicas() == {"orchestrator": 1, "splitter": 3, "inference": 3}
    finally:
        release.helm("uninstall")
