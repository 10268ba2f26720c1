"""Writes anew what is derived: `python -m tests.chart.golden`, then look at the difference.

The renders that are kept, and the settings that the schema knows.
"""

from tests.chart.charts import GOLDEN, render
from tests.chart.settings import write_settings

# The defaults whole, scaled and not, and what most installations on GPUs look like.
KEPT = ("default", "gpu", "inference-only", "keda", "tls")


def rendered(name: str) -> str:
    """A render without the trailing blanks that templates leave."""
    return "".join(f"{line.rstrip()}\n" for line in render(name).splitlines())


if __name__ == "__main__":
    write_settings()
    for name in KEPT:
        (GOLDEN / f"{name}.yaml").write_text(rendered(name))
