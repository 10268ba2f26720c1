"""How calls end: logged, and counted by reason."""

import asyncio
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from fanscribe.orchestrator.metrics import OrchestratorMetrics
from fanscribe.runtime.errors import FanscribeError, Reason, domain_error

_log = logging.getLogger(__name__)

# A caller's own clock ends a call, too, and before ours: gRPC rounds the time it tells us up by as
# much as a hundredth.
_CLOCKS_DIFFER_S: Final = 0.25
_ROUNDED_UP: Final = 0.01


@contextmanager
def ending_recorded(metrics: OrchestratorMetrics, time_left_s: float | None) -> Iterator[None]:
    """Log and count how the call inside ends; it has `time_left_s`, None: no deadline."""
    began_s = time.monotonic()
    try:
        yield
    except asyncio.CancelledError:
        late = time_left_s is not None and _is_over(time_left_s, time.monotonic() - began_s)
        reason = str(Reason.DEADLINE_EXCEEDED) if late else "CANCELLED"
        metrics.jobs.labels(reason).inc()
        _log.info("job cancelled: %s", reason)
        raise
    except Exception as error:
        known = domain_error(error) or FanscribeError(Reason.INTERNAL, "a bug")
        metrics.jobs.labels(known.reason).inc()
        _log.warning("job failed: %s: %s", known.reason, known.message)
        raise
    else:
        metrics.jobs.labels("OK").inc()
        _log.info("job done")


def _is_over(given_s: float, elapsed_s: float) -> bool:
    return elapsed_s >= given_s - max(_CLOCKS_DIFFER_S, given_s * _ROUNDED_UP)
