"""Which settings of the services the schema lets through: all that no other value stands for."""

import json
from typing import Any

from fanscribe.inference.settings import InferenceSettings
from fanscribe.media.settings import MediaSettings
from fanscribe.orchestrator.settings import OrchestratorSettings
from fanscribe.runtime.settings import ServiceSettings, Settings
from fanscribe.runtime.tls import TlsServerSettings
from fanscribe.splitter.settings import SplitterSettings
from tests.chart.charts import CHART

SCHEMA = CHART / "values.schema.json"
# Parts of the values that have `settings`.
SERVICES: dict[str, type[Settings]] = {
    "orchestrator": OrchestratorSettings,
    "splitter": SplitterSettings,
    "inference": InferenceSettings,
    "media": MediaSettings,
}
# Settings that other values stand for.
ELSEWHERE = {
    "discovery", "splitters", "splitter_service", "splitter_port_name", "splitter_port",
    "namespace", "inference_address", "slots", "media_allowed_networks", "media_denied_networks",
    "media_ca_file", "tokens_file", "splitter_ca_file", "splitter_cert_file", "splitter_key_file",
    "inference_ca_file", "inference_cert_file", "inference_key_file", "model", "model_sha256",
    "cache_dir", "device", "startup_s", "http_port", *ServiceSettings.model_fields,
    *TlsServerSettings.model_fields,
}  # fmt: skip


def setting_names(part: str) -> set[str]:
    """What `settings` of this part may hold: variables without FANSCRIBE_ or FANSCRIBE_MEDIA_."""
    fields = set(SERVICES[part].model_fields) - ELSEWHERE
    if part == "media":
        return {field.removeprefix("media_").upper() for field in fields}
    return {field.upper() for field in fields - set(MediaSettings.model_fields)}


def schema() -> dict[str, Any]:
    """The schema of the chart's values."""
    return dict(json.loads(SCHEMA.read_text()))


def settings_in(found: dict[str, Any], part: str) -> dict[str, Any]:
    """The properties of a part's `settings`."""
    properties: dict[str, Any] = found["properties"][part]["properties"]["settings"]["properties"]
    return properties


def write_settings() -> None:
    """Bring the schema up to the services' settings."""
    found = schema()
    for part in SERVICES:
        properties = settings_in(found, part)
        properties.clear()
        for name in sorted(setting_names(part)):
            properties[name] = {"$ref": "#/definitions/setting"}
    SCHEMA.write_text(json.dumps(found, indent=2) + "\n")
