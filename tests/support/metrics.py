"""Reading /metrics pages as Prometheus does."""

from dataclasses import dataclass

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

_TIMEOUT = aiohttp.ClientTimeout(total=10)


@dataclass(frozen=True)
class Page:
    """One scrape. Counters end in `_total`, whatever the page calls them."""

    samples: tuple[tuple[str, dict[str, str], float], ...]

    def total(self, name: str, **labels: str) -> float:
        """Sum of the series of this name that carry these labels; 0 if there is none."""
        return sum(
            value
            for sample, found, value in self.samples
            if sample == name and labels.items() <= found.items()
        )


async def scrape(metrics_address: str) -> Page:
    """Read the page at `metrics_address` ("host:port")."""
    async with (
        aiohttp.ClientSession(timeout=_TIMEOUT) as session,
        session.get(f"http://{metrics_address}/metrics") as answer,
    ):
        text = await answer.text()
    return Page(
        tuple(
            (sample.name, dict(sample.labels), sample.value)
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        )
    )
