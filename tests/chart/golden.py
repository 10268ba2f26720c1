"""Writes anew what is derived: `python -m tests.chart.golden`, then look at the difference.

The renders that are kept, the settings that the schema knows, and the rules for a Prometheus
without operator.
"""

import yaml

from tests.chart.charts import GOLDEN, ROOT, render, resources
from tests.chart.settings import write_settings

# The defaults whole, scaled and not, and what most installations on GPUs look like.
KEPT = ("default", "gpu", "inference-only", "keda", "tls")


def rendered(name: str) -> str:
    """A render without the trailing blanks that templates leave."""
    return "".join(f"{line.rstrip()}\n" for line in render(name).splitlines())


RULES = ROOT / "deploy/monitoring/rules.yaml"


def rules() -> str:
    """Alerts of a release `fanscribe`, as a rule file."""
    [alerts] = [
        one for one in resources("gpu", release="fanscribe") if one["kind"] == "PrometheusRule"
    ]
    return "# The chart's alerts; derived, see README.md.\n" + yaml.safe_dump(
        alerts["spec"], sort_keys=False, width=120
    )


if __name__ == "__main__":
    write_settings()
    RULES.write_text(rules())
    for name in KEPT:
        (GOLDEN / f"{name}.yaml").write_text(rendered(name))
