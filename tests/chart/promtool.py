"""Prometheus's own tool for rules, and what it is fed."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.chart.charts import resources

OWN = 'namespace="speech",app_kubernetes_io_instance="demo"'


def rules_of(name: str) -> list[dict[str, Any]]:
    """Alerts of a member of MATRIX."""
    return [
        rule
        for resource in resources(name)
        if resource["kind"] == "PrometheusRule"
        for group in resource["spec"]["groups"]
        for rule in group["rules"]
    ]


def series(name: str, values: str, **labels: str) -> dict[str, str]:
    """A series of the release, in promtool's notation: `1x20` stays, `0+3x20` grows."""
    rest = "".join(f',{key}="{value}"' for key, value in labels.items())
    return {"series": f"{name}{{{OWN}{rest}}}", "values": values}


def program(name: str) -> Path:
    """Return prometheus or promtool; skips the test where `make test` could not fetch it."""
    path = Path(sys.prefix) / "prometheus" / name
    if not path.exists():
        pytest.skip(f"{name} is not in .venv: deploy/setup/prometheus.sh could not fetch it")
    return path


def promtool(*arguments: str | Path) -> None:
    """Run it; fails if it finds fault."""
    done = subprocess.run(
        [program("promtool"), *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
