"""The end of a service's log, as people read it."""

import json
from pathlib import Path

_LINES = 15
# Of a log, enough for its last lines.
_BYTES = 32 * 1024


def log_tail(path: Path) -> str:
    """Return the last lines of the log at `path`, its JSON records as "level: message"."""
    with path.open("rb") as log:
        log.seek(max(0, path.stat().st_size - _BYTES))
        lines = log.read().decode(errors="replace").splitlines()
    told = (_told(line) for line in lines)
    return "\n".join([line for line in told if line][-_LINES:]) or "(nothing)"


def _told(line: str) -> str:
    try:
        record = json.loads(line)
    except json.JSONDecodeError:
        return line
    if not isinstance(record, dict) or not record.get("message"):
        return ""
    told = f"{record.get('level', 'info')}: {record['message']}"
    # Of a traceback, its last line says most.
    trace = str(record.get("exception", "")).strip().splitlines()
    return f"{told}: {trace[-1]}" if trace else told
