"""KEDA acts on the chart's ScaledObjects: it asks a real Prometheus, and real HPAs follow."""

import json
import logging
import time
from collections.abc import AsyncIterator, Mapping
from functools import partial

import pytest
import yaml

from tests.chart.charts import CHART
from tests.chart.prometheus import Prometheus, prometheus_of
from tests.cluster.backlog import Work
from tests.cluster.control_plane import ControlPlane
from tests.cluster.controllers import controllers, keda
from tests.cluster.release import Release
from tests.cluster.replicas import Replicas, followed
from tests.support.polling import eventually

NAME = "demo"  # as Prometheus labels it: tests/chart/prometheus.py
COOLDOWN_S = 5
# The chart's defaults, except that nothing takes minutes.
QUICK = {
    "pollingSeconds": 5,
    "cooldownSeconds": COOLDOWN_S,
    "behavior": {
        "scaleDown": {
            "stabilizationWindowSeconds": 5,
            "policies": [{"type": "Percent", "value": 50, "periodSeconds": 15}],
        }
    },
}
NOTHING = {"splitter": 0, "inference": 0}
# One splitter has two slots; one replica of inference does 20 s/s, and has 120 s.
CHUNKS, AUDIO_S = 11, 9000
BUSY = {"splitter": 6, "inference": 4}
# What each replica has, as HPAs are told it, if there are as many as there should be.
FALLBACK = {"splitter": "2", "inference": "1k"}
# KEDA asks each second, Prometheus scrapes each second, HPAs look every 15 s.
_ACTIVE_S, _SCALED_S = 30, 90


class Scaled:
    """A release that KEDA scales, what it is told to do, and how it follows."""

    def __init__(
        self, cluster: ControlPlane, release: Release, work: Work, prometheus: Prometheus
    ) -> None:
        self._cluster = cluster
        self.release = release
        self.work = work
        self.prometheus = prometheus

    def conditions(self, component: str) -> dict[str, str]:
        """What KEDA says of a ScaledObject, by the name of the condition."""
        (found,) = [
            one
            for one in self.release.found("scaledobjects")
            if one["metadata"]["name"].endswith(component)
        ]
        return {one["type"]: one["status"] for one in found["status"]["conditions"]}

    def all_are(self, wanted: Mapping[str, str]) -> bool:
        """Tell whether both ScaledObjects have these conditions."""
        return all(self.conditions(one).items() >= wanted.items() for one in BUSY)

    def told(self) -> dict[str, str]:
        """What HPAs were told last that each replica has, by component."""
        return {
            one["metadata"]["labels"]["app.kubernetes.io/component"]: metric["external"]["current"][
                "averageValue"
            ]
            for one in self.release.found("horizontalpodautoscalers")
            for metric in one["status"].get("currentMetrics") or ()
        }

    def warnings(self) -> list[str]:
        """What went wrong with ScaledObjects, in KEDA's words."""
        selector = "--field-selector=type=Warning,involvedObject.kind=ScaledObject"
        found = json.loads(
            self._cluster.kubectl("get", "events", selector, "--namespace=speech", "--output=json")
        )
        return [f"{one['reason']}: {one['message']}" for one in found["items"]]


@pytest.fixture(scope="module")
async def scaled(
    cluster: ControlPlane, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Scaled]:
    """A release with autoscaling on, where there is nothing to do yet."""
    folder = tmp_path_factory.mktemp("keda")
    with Work() as work:
        async with (
            prometheus_of(folder, [work.address]) as prometheus,
            controllers(cluster),
            keda(cluster),
        ):
            work.outstanding(0, 0)
            await eventually(partial(_answered, prometheus), "an answer to each trigger", _ACTIVE_S)
            source = {"serverAddress": prometheus.url}
            values = {
                "type": "keda",
                "prometheus": source,
                "splitter": QUICK,
                "inference": QUICK,
            }
            file = folder / "values.yaml"
            file.write_text(yaml.safe_dump({"autoscaling": values}))
            release = Release(cluster, "4", NAME)
            release.helm("install", str(CHART), f"--values={file}")
            yield Scaled(cluster, release, work, prometheus)
            release.helm("uninstall")


async def _answered(prometheus: Prometheus) -> bool:
    # A rate takes two scrapes; KEDA warns of a trigger that has no answer yet.
    return all(len(answer) == 1 for answer in (await prometheus.triggers()).values())


@pytest.fixture
async def replicas(cluster: ControlPlane, scaled: Scaled) -> AsyncIterator[Replicas]:
    """Replicas as they change, from zero."""
    scaled.work.outstanding(0, 0)
    async with followed(cluster, NAME) as found:
        await found.become(NOTHING, _SCALED_S)
        yield found


def _tell(what: str, started_s: float, replicas: Replicas, wanted: Mapping[str, int]) -> None:
    took_s = {name: round(replicas.took_s(started_s, name, one), 1) for name, one in wanted.items()}
    logging.getLogger(__name__).info("%s, seconds: %s", what, took_s)


async def test_a_backlog_brings_replicas_and_its_end_takes_them(
    scaled: Scaled, replicas: Replicas
) -> None:
    started_s = time.monotonic()
    scaled.work.outstanding(CHUNKS, AUDIO_S)
    await replicas.become(BUSY, _SCALED_S)
    for component, wanted in BUSY.items():
        assert replicas.since(started_s, component) == [1, wanted]
    await eventually(
        lambda: scaled.all_are({"Ready": "True", "Active": "True"}), "KEDA says so", _ACTIVE_S
    )
    _tell("from zero to one", started_s, replicas, {"splitter": 1, "inference": 1})
    _tell("from zero to all", started_s, replicas, BUSY)

    started_s = time.monotonic()
    scaled.work.outstanding(2, 2000)
    await replicas.become({"splitter": 1, "inference": 1}, _SCALED_S)
    # Half of them at a time.
    assert replicas.since(started_s, "splitter") == [3, 1]
    assert replicas.since(started_s, "inference") == [2, 1]
    _tell("down to one", started_s, replicas, {"splitter": 1, "inference": 1})

    started_s = time.monotonic()
    scaled.work.outstanding(0, 0)
    await replicas.become(NOTHING, _SCALED_S)
    # KEDA keeps the time of the last work in whole seconds.
    assert replicas.took_s(started_s, "inference", 0) > COOLDOWN_S - 1
    _tell("from one to zero", started_s, replicas, NOTHING)
    assert scaled.warnings() == []


async def test_an_upgrade_keeps_what_keda_decided(scaled: Scaled, replicas: Replicas) -> None:
    scaled.work.outstanding(CHUNKS, AUDIO_S)
    await replicas.become(BUSY, _SCALED_S)
    started_s = time.monotonic()
    settings = "splitter.logLevel=debug", "autoscaling.splitter.cooldownSeconds=6"
    scaled.release.helm("upgrade", str(CHART), "--reuse-values", f"--set={','.join(settings)}")
    scaled.work.outstanding(15, 14000)
    await replicas.become({"splitter": 8, "inference": 6}, _SCALED_S)
    assert replicas.since(started_s, "splitter") == [8]
    assert replicas.since(started_s, "inference") == [6]
    assert scaled.warnings() == []


async def test_the_shortest_recording_brings_a_replica(scaled: Scaled, replicas: Replicas) -> None:
    scaled.work.outstanding(1, 0.5)
    await replicas.become({"splitter": 1, "inference": 1}, _ACTIVE_S)


async def test_losing_prometheus_takes_no_replica(scaled: Scaled, replicas: Replicas) -> None:
    scaled.work.outstanding(CHUNKS, AUDIO_S)
    await replicas.become(BUSY, _SCALED_S)
    started_s = time.monotonic()
    await scaled.prometheus.kill()
    # What one replica is to have, so that there are as many as before.
    await eventually(lambda: scaled.told() == FALLBACK, "HPAs are told the fallback", _SCALED_S)
    assert scaled.all_are({"Fallback": "True"})

    await scaled.prometheus.start()
    await eventually(
        lambda: scaled.all_are({"Fallback": "False", "Ready": "True"}),
        "KEDA has an answer again",
        _SCALED_S,
    )
    await eventually(lambda: scaled.told() != FALLBACK, "HPAs are told the backlog", _SCALED_S)
    assert not any(replicas.since(started_s, component) for component in BUSY)


async def test_without_prometheus_there_are_some_replicas(
    scaled: Scaled, replicas: Replicas
) -> None:
    await scaled.prometheus.kill()
    await replicas.become({"splitter": 2, "inference": 1}, _SCALED_S)
    await scaled.prometheus.start()
    await replicas.become(NOTHING, _SCALED_S)


# The last: for five minutes from here on there is a rate.
async def test_what_was_done_keeps_replicas(scaled: Scaled, replicas: Replicas) -> None:
    throughput, utilization, minutes = 20, 0.7, 5
    scaled.work.done(2.5 * throughput * utilization * minutes * 60)
    await replicas.become({"splitter": 0, "inference": 3}, _SCALED_S)
