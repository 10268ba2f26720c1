"""Writes the golden renders anew: `python -m tests.chart.golden`, then look at the difference."""

from tests.chart.charts import GOLDEN, render

# The defaults whole, and what most installations on GPUs look like.
KEPT = ("default", "gpu", "inference-only")


def rendered(name: str) -> str:
    """A render without the trailing blanks that templates leave."""
    return "".join(f"{line.rstrip()}\n" for line in render(name).splitlines())


if __name__ == "__main__":
    for name in KEPT:
        (GOLDEN / f"{name}.yaml").write_text(rendered(name))
