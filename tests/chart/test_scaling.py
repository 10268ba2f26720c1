"""What KEDA and the alerts ask Prometheus: of metrics that exist, and with one answer always."""

import json
import re
import subprocess
from pathlib import Path
from shutil import which
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry

from fanscribe.orchestrator.metrics import OrchestratorMetrics
from fanscribe.splitter.metrics import SplitterMetrics
from tests.chart.charts import MATRIX, one, resources

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
OWN = 'namespace="speech",app_kubernetes_io_instance="demo"'


def _triggers(name: str) -> dict[str, dict[str, Any]]:
    return {
        trigger["name"]: trigger["metadata"]
        for resource in resources(name)
        if resource["kind"] == "ScaledObject"
        for trigger in resource["spec"]["triggers"]
    }


def _rules(name: str) -> list[dict[str, Any]]:
    return [
        rule
        for resource in resources(name)
        if resource["kind"] == "PrometheusRule"
        for group in resource["spec"]["groups"]
        for rule in group["rules"]
    ]


def _known_series() -> set[str]:
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
    queries += [rule["expr"] for rule in _rules(name)] + _panels()
    asked = set(re.findall(r"\b(?:fanscribe|nv)_\w+", " ".join(queries)))
    assert asked <= _known_series()


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
    assert formula == "max(audio / 3600000, waiting / 64)"


def test_inference_that_is_shared_scales_with_the_backlog_of_others() -> None:
    query = _triggers("inference-only")["audio"]["query"]
    assert query == 'sum(fanscribe_backlog_audio_seconds{namespace=~"production|staging"})'


def _series(name: str, values: str, **labels: str) -> dict[str, str]:
    rest = "".join(f',{key}="{value}"' for key, value in labels.items())
    return {"series": f"{name}{{{OWN}{rest}}}", "values": values}


def _backlog(pod: str, chunks: int, audio_seconds: int) -> list[dict[str, str]]:
    return [
        _series("fanscribe_backlog_chunks", f"{chunks}x20", pod=pod, state="queued"),
        _series("fanscribe_backlog_chunks", "1x20", pod=pod, state="running"),
        _series("fanscribe_backlog_audio_seconds", f"{audio_seconds}x20", pod=pod, state="queued"),
        _series("fanscribe_backlog_audio_seconds", "300x20", pod=pod, state="running"),
    ]


def _answers(chunks: float | None, audio: float | None, waiting: float) -> list[dict[str, Any]]:
    """What promtool is to expect of the triggers' queries after five minutes; None: no answer."""
    triggers = _triggers("gpu")
    wanted = {"chunks": chunks, "audio": audio, "waiting": waiting}
    return [
        {
            "expr": triggers[name]["query"],
            "eval_time": "5m",
            "exp_samples": [] if value is None else [{"labels": "{}", "value": value}],
        }
        for name, value in wanted.items()
    ]


def _promtool(*arguments: str | Path) -> None:
    program = which("promtool")
    if program is None:
        pytest.skip("no promtool here: apt-get install --no-install-recommends prometheus")
    done = subprocess.run(
        [program, *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("series", "answers"),
    [
        pytest.param(
            [
                *_backlog("a", chunks=3, audio_seconds=900),
                *_backlog("b", chunks=5, audio_seconds=1500),
                # Half a second and a second and a half of waiting for each second.
                _series(
                    "nv_inference_queue_duration_us", "0+15000000x20", model="whisper", pod="x"
                ),
                _series(
                    "nv_inference_queue_duration_us", "0+45000000x20", model="whisper", pod="y"
                ),
            ],
            (10, 3000, 2),
            id="two orchestrators and two replicas",
        ),
        pytest.param(
            _backlog("a", chunks=0, audio_seconds=0), (1, 300, 0), id="no replica of inference"
        ),
        pytest.param([], (None, None, 0), id="no orchestrator"),
    ],
)
def test_every_trigger_has_one_answer(
    series: list[dict[str, str]], answers: tuple[float | None, float | None, float], tmp_path: Path
) -> None:
    # Two samples in the minute that rates look at.
    test = {"interval": "30s", "input_series": series, "promql_expr_test": _answers(*answers)}
    file = tmp_path / "triggers.yaml"
    file.write_text(json.dumps({"rule_files": [], "evaluation_interval": "30s", "tests": [test]}))
    _promtool("test", "rules", file)


def _rule_file(tmp_path: Path) -> Path:
    file = tmp_path / "rules.yaml"
    (rules,) = (one for one in resources("gpu") if one["kind"] == "PrometheusRule")
    file.write_text(yaml.safe_dump(rules["spec"]))
    return file


def test_the_dashboard_asks_valid_queries(tmp_path: Path) -> None:
    rules = [{"record": f"panel:{index}", "expr": query} for index, query in enumerate(_panels())]
    file = tmp_path / "panels.yaml"
    file.write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}))
    _promtool("check", "rules", file)


def test_alerts_are_valid_rules(tmp_path: Path) -> None:
    _promtool("check", "rules", _rule_file(tmp_path))


@pytest.mark.parametrize(
    ("series", "firing"),
    [
        pytest.param([], {"FanscribeMetricsMissing"}, id="nothing is scraped"),
        pytest.param(
            [
                _series("fanscribe_backlog_audio_seconds", "900x80", state="queued"),
                _series("fanscribe_backlog_chunks", "3x80", state="queued"),
                _series("fanscribe_audio_seconds_total", "5000x80"),
                _series("fanscribe_splitters_connected", "0x80"),
            ],
            {"FanscribeBacklogStuck", "FanscribeNoSplitters"},
            id="nobody works",
        ),
        pytest.param(
            [
                _series("fanscribe_backlog_audio_seconds", "900x80", state="queued"),
                _series("fanscribe_backlog_chunks", "3x80", state="queued"),
                _series("fanscribe_audio_seconds_total", "0+60x80"),
                _series("fanscribe_splitters_connected", "2x80"),
                _series("fanscribe_chunk_attempts_total", "0+9x80", outcome="done"),
                _series("fanscribe_chunk_attempts_total", "0+1x80", outcome="lost"),
                _series("nv_inference_request_success", "0+90x80", model="whisper"),
                _series(
                    "nv_inference_request_failure", "0+10x80", model="whisper", reason="BACKEND"
                ),
            ],
            {"FanscribeChunksFail", "FanscribeInferenceFails"},
            id="work that fails",
        ),
        pytest.param(
            [
                _series("fanscribe_backlog_audio_seconds", "900x80", state="running"),
                _series("fanscribe_backlog_chunks", "3x80", state="running"),
                _series("fanscribe_audio_seconds_total", "0+60x80"),
                _series("fanscribe_splitters_connected", "2x80"),
                _series("fanscribe_chunk_attempts_total", "0+9x80", outcome="done"),
                _series("nv_inference_request_success", "0+90x80", model="whisper"),
                _series(
                    "nv_inference_request_failure", "0+10x80", model="whisper", reason="CANCELED"
                ),
            ],
            set(),
            id="work that goes well",
        ),
        pytest.param(
            [
                _series("fanscribe_backlog_audio_seconds", "900000x80", state="queued"),
                _series("fanscribe_audio_seconds_total", "0+60x80"),
            ],
            {"FanscribeInferenceSaturated"},
            id="more than all replicas can do",
        ),
    ],
)
def test_alerts_fire_when_they_should(
    series: list[dict[str, str]], firing: set[str], tmp_path: Path
) -> None:
    rules = _rules("gpu")
    assert firing <= {rule["alert"] for rule in rules}
    # Only whether they fire is of interest here: a query of Prometheus's own series tells.
    expected = [{"labels": f'ALERTS{{alertname="{name}"}}', "value": 1} for name in sorted(firing)]
    expression = 'max by (__name__, alertname) (ALERTS{alertstate="firing"})'
    test = {
        "interval": "1m",
        "input_series": series,
        "promql_expr_test": [{"expr": expression, "eval_time": "60m", "exp_samples": expected}],
    }
    file = tmp_path / "alerts.yaml"
    file.write_text(json.dumps({"rule_files": [str(_rule_file(tmp_path))], "tests": [test]}))
    _promtool("test", "rules", file)
