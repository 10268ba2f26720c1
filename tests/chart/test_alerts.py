"""Alerts fire when they should, and not otherwise."""

import json
from pathlib import Path

import pytest
import yaml

from tests.chart.charts import resources
from tests.chart.golden import RULES, rules
from tests.chart.promtool import promtool, rules_of, series


def _rule_file(tmp_path: Path) -> Path:
    file = tmp_path / "rules.yaml"
    (rules,) = (one for one in resources("gpu") if one["kind"] == "PrometheusRule")
    file.write_text(yaml.safe_dump(rules["spec"]))
    return file


def test_alerts_are_valid(tmp_path: Path) -> None:
    promtool("check", "rules", _rule_file(tmp_path))


@pytest.mark.parametrize(
    ("input_series", "firing"),
    [
        pytest.param([], {"FanscribeMetricsMissing"}, id="nothing is scraped"),
        pytest.param(
            [
                series("fanscribe_backlog_audio_seconds", "900x80", state="queued"),
                series("fanscribe_backlog_chunks", "3x80", state="queued"),
                series("fanscribe_audio_seconds_total", "5000x80"),
                series("fanscribe_splitters_connected", "0x80"),
            ],
            {"FanscribeBacklogStuck", "FanscribeNoSplitters"},
            id="nobody works",
        ),
        pytest.param(
            [
                series("fanscribe_backlog_audio_seconds", "900x80", state="queued"),
                series("fanscribe_backlog_chunks", "3x80", state="queued"),
                series("fanscribe_audio_seconds_total", "0+60x80"),
                series("fanscribe_splitters_connected", "2x80"),
                series("fanscribe_chunk_attempts_total", "0+9x80", outcome="done"),
                series("fanscribe_chunk_attempts_total", "0+1x80", outcome="lost"),
                series("nv_inference_request_success", "0+90x80", model="whisper"),
                series(
                    "nv_inference_request_failure", "0+10x80", model="whisper", reason="BACKEND"
                ),
            ],
            {"FanscribeChunksFail", "FanscribeInferenceFails"},
            id="work that fails",
        ),
        pytest.param(
            [
                series("fanscribe_backlog_audio_seconds", "0x80"),
                series("fanscribe_jobs_total", "0+80x80", reason="OK"),
                series("fanscribe_jobs_total", "0+20x80", reason="QUEUE_FULL"),
            ],
            {"FanscribeBudgetBurnsFast", "FanscribeBudgetBurnsSlow"},
            id="jobs that fail here",
        ),
        pytest.param(
            [
                series("fanscribe_backlog_audio_seconds", "0x80"),
                series("fanscribe_jobs_total", "0+90x80", reason="OK"),
                series("fanscribe_jobs_total", "0+10x80", reason="INTERNAL"),
            ],
            {"FanscribeBudgetBurnsSlow"},
            id="some jobs that fail here",
        ),
        pytest.param(
            [
                series("fanscribe_backlog_audio_seconds", "0x80"),
                series("fanscribe_jobs_total", "0+60x80", reason="OK"),
                series("fanscribe_jobs_total", "0+40x80", reason="MEDIA_NOT_FOUND"),
                series("fanscribe_jobs_total", "0+1x40 40x40", reason="INTERNAL"),
            ],
            set(),
            id="jobs that fail elsewhere, or did",
        ),
        pytest.param(
            [
                series("fanscribe_backlog_audio_seconds", "900x80", state="running"),
                series("fanscribe_backlog_chunks", "3x80", state="running"),
                series("fanscribe_audio_seconds_total", "0+60x80"),
                series("fanscribe_splitters_connected", "2x80"),
                series("fanscribe_chunk_attempts_total", "0+9x80", outcome="done"),
                series("nv_inference_request_success", "0+90x80", model="whisper"),
                series(
                    "nv_inference_request_failure", "0+10x80", model="whisper", reason="CANCELED"
                ),
            ],
            set(),
            id="work that goes well",
        ),
        pytest.param(
            [
                series("fanscribe_backlog_audio_seconds", "900000x80", state="queued"),
                series("fanscribe_audio_seconds_total", "0+60x80"),
            ],
            {"FanscribeInferenceSaturated"},
            id="more than all replicas can do",
        ),
    ],
)
def test_alerts_fire_when_they_should(
    input_series: list[dict[str, str]], firing: set[str], tmp_path: Path
) -> None:
    rules = rules_of("gpu")
    assert firing <= {rule["alert"] for rule in rules}
    # Only whether they fire is of interest here: a query of Prometheus's own series tells.
    expected = [{"labels": f'ALERTS{{alertname="{name}"}}', "value": 1} for name in sorted(firing)]
    expression = 'max by (__name__, alertname) (ALERTS{alertstate="firing"})'
    test = {
        "interval": "1m",
        "input_series": input_series,
        "promql_expr_test": [{"expr": expression, "eval_time": "60m", "exp_samples": expected}],
    }
    file = tmp_path / "alerts.yaml"
    file.write_text(json.dumps({"rule_files": [str(_rule_file(tmp_path))], "tests": [test]}))
    promtool("test", "rules", file)


def test_rules_for_a_prometheus_without_operator_are_the_charts() -> None:
    # After a change that is meant: python -m tests.chart.golden
    assert RULES.read_text() == rules()


def test_a_prometheus_without_operator_gives_pods_the_labels_that_the_queries_ask_for(
    tmp_path: Path,
) -> None:
    config = yaml.safe_load(RULES.with_name("prometheus.yaml").read_text())
    [job] = config["scrape_configs"]
    labels = {rule["target_label"] for rule in job["relabel_configs"] if "target_label" in rule}
    assert labels >= {"namespace", "app_kubernetes_io_instance"}
    # Debian's promtool knows no Kubernetes.
    [where] = job.pop("kubernetes_sd_configs")
    assert where["role"] == "pod"
    (tmp_path / "rules.yaml").write_text(RULES.read_text())
    (tmp_path / "prometheus.yaml").write_text(yaml.safe_dump(config))
    promtool("check", "config", tmp_path / "prometheus.yaml")
