"""What KEDA and the alerts ask Prometheus: of metrics that exist, and with one answer always."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from fanscribe.orchestrator.metrics import OrchestratorMetrics
from fanscribe.splitter.metrics import SplitterMetrics
from tests.chart.charts import MATRIX, one, resources
from tests.chart.promtool import promtool, rules_of, series

TRITON = {
    "nv_gpu_memory_total_bytes",
    "nv_gpu_memory_used_bytes",
    "nv_gpu_utilization",
    "nv_inference_compute_infer_duration_us",
    "nv_inference_count",
    "nv_inference_exec_count",
    "nv_inference_queue_duration_us",
    "nv_inference_request_failure",
    "nv_inference_request_success",
}


def _triggers(name: str) -> dict[str, dict[str, Any]]:
    return {
        trigger["name"]: trigger["metadata"]
        for resource in resources(name)
        if resource["kind"] == "ScaledObject"
        for trigger in resource["spec"]["triggers"]
    }


def _knownseries() -> set[str]:
    registry = CollectorRegistry()
    OrchestratorMetrics(registry)
    SplitterMetrics(registry)
    suffixes = {"counter": "_total", "histogram": "_bucket"}
    return TRITON | {
        f"{family.name}{suffixes.get(family.type, '')}" for family in registry.collect()
    }


def _panels() -> list[str]:
    """Queries of the dashboard, with an interval where Grafana would put one."""
    found = one(resources("everything"), "ConfigMap", "dashboard")
    dashboard = json.loads(found["data"]["fanscribe.json"])
    return [
        target["expr"].replace("$__rate_interval", "5m")
        for panel in dashboard["panels"]
        for target in panel["targets"]
    ]


@pytest.mark.parametrize("name", MATRIX)
def test_queries_ask_for_series_that_exist(name: str) -> None:
    queries = [trigger["query"] for trigger in _triggers(name).values()]
    queries += [rule["expr"] for rule in rules_of(name)] + _panels()
    asked = set(re.findall(r"\b(?:fanscribe|nv)_\w+", " ".join(queries)))
    assert asked <= _knownseries()


@pytest.mark.parametrize("name", MATRIX)
def test_losing_prometheus_scales_nothing_in(name: str) -> None:
    for resource in resources(name):
        if resource["kind"] == "ScaledObject":
            spec = resource["spec"]
            assert spec["fallback"]["behavior"] == "currentReplicasIfHigher"
            assert spec["initialCooldownPeriod"] > 0
    for trigger in _triggers(name).values():
        assert trigger["ignoreNullValues"] == "false"
        assert trigger["activationThreshold"] == "0"


def test_splitters_scale_by_their_slots_and_inference_by_audio() -> None:
    triggers = _triggers("everything")
    assert triggers["chunks"]["threshold"] == "4"
    modifiers = one(resources("everything"), "ScaledObject", "inference")["spec"]["advanced"]
    formula = modifiers["scalingModifiers"]["formula"]
    assert formula == "1000 * max(audio / 3600000, done / 500, waiting / 64)"


def test_inference_that_is_shared_scales_with_the_backlog_of_others() -> None:
    query = _triggers("inference-only")["audio"]["query"]
    assert query == 'sum(fanscribe_backlog_audio_seconds{namespace=~"production|staging"})'


def _backlog(pod: str, chunks: int, audio_seconds: int) -> list[dict[str, str]]:
    return [
        series("fanscribe_backlog_chunks", f"{chunks}x20", pod=pod, state="queued"),
        series("fanscribe_backlog_chunks", "1x20", pod=pod, state="running"),
        series("fanscribe_backlog_audio_seconds", f"{audio_seconds}x20", pod=pod, state="queued"),
        series("fanscribe_backlog_audio_seconds", "300x20", pod=pod, state="running"),
        # Two seconds of audio for each second.
        series("fanscribe_audio_seconds_total", "0+60x20", pod=pod),
    ]


def _answers(
    chunks: float | None, audio: float | None, done: float, waiting: float
) -> list[dict[str, Any]]:
    """What promtool is to expect of the triggers' queries after five minutes; None: no answer."""
    triggers = _triggers("gpu")
    wanted = {"chunks": chunks, "audio": audio, "done": done, "waiting": waiting}
    return [
        {
            "expr": triggers[name]["query"],
            "eval_time": "5m",
            "exp_samples": [] if value is None else [{"labels": "{}", "value": value}],
        }
        for name, value in wanted.items()
    ]


@pytest.mark.parametrize(
    ("input_series", "answers"),
    [
        pytest.param(
            [
                *_backlog("a", chunks=3, audio_seconds=900),
                *_backlog("b", chunks=5, audio_seconds=1500),
                # Half a second and a second and a half of waiting for each second.
                series("nv_inference_queue_duration_us", "0+15000000x20", model="whisper", pod="x"),
                series("nv_inference_queue_duration_us", "0+45000000x20", model="whisper", pod="y"),
            ],
            (10, 3000, 4, 2),
            id="two orchestrators and two replicas",
        ),
        pytest.param(
            _backlog("a", chunks=0, audio_seconds=0), (1, 300, 2, 0), id="no replica of inference"
        ),
        pytest.param([], (None, None, 0, 0), id="no orchestrator"),
    ],
)
def test_every_trigger_has_one_answer(
    input_series: list[dict[str, str]],
    answers: tuple[float | None, float | None, float, float],
    tmp_path: Path,
) -> None:
    # Two samples in the minute that rates look at.
    test = {"interval": "30s", "input_series": input_series, "promql_expr_test": _answers(*answers)}
    file = tmp_path / "triggers.yaml"
    file.write_text(json.dumps({"rule_files": [], "evaluation_interval": "30s", "tests": [test]}))
    promtool("test", "rules", file)


def test_the_dashboard_asks_valid_queries(tmp_path: Path) -> None:
    rules = [{"record": f"panel:{index}", "expr": query} for index, query in enumerate(_panels())]
    file = tmp_path / "panels.yaml"
    file.write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}))
    promtool("check", "rules", file)
