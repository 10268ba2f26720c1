"""Settings of the discovery."""

import re
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from fanscribe.runtime.settings import CommaSeparated, Settings

# Where Kubernetes tells a pod its own namespace.
_NAMESPACE_FILE: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
_LABEL: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")  # a name of RFC 1123


def _check_address(value: str) -> str:
    host, _, port = value.rpartition(":")
    if not host or not port.isdigit():
        raise ValueError(f"{value!r} is not host:port")
    return value


def _own_namespace() -> str:
    return _NAMESPACE_FILE.read_text().strip() if _NAMESPACE_FILE.is_file() else ""


Address = Annotated[str, AfterValidator(_check_address)]


class DiscoverySettings(Settings):
    """How an orchestrator finds its splitters; what one way needs, the others do without."""

    # static: the list in `splitters`. kubernetes: the ready pods of a headless Service, watched at
    # the API server. dns: what the name of a headless Service resolves to.
    discovery: Literal["static", "kubernetes", "dns"] = "static"
    # static: addresses of the splitters, host:port, separated by commas.
    splitters: CommaSeparated[Address] = Field(default=(), validate_default=True)
    # kubernetes, dns: name of the headless Service; for dns, any name that resolves to all of them.
    splitter_service: str = Field(default="", validate_default=True)
    # kubernetes: name of the Service's gRPC port.
    splitter_port_name: str = Field(default="grpc", min_length=1)
    # dns: gRPC port of the splitters, which a look-up of addresses does not tell.
    splitter_port: int = Field(default=50051, ge=1, le=65535)
    # kubernetes, dns: namespace of the Service; by default that of the pod's service account.
    namespace: str = Field(default_factory=_own_namespace, validate_default=True)

    @field_validator("splitters")
    @classmethod
    def _only_static(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if value and info.data.get("discovery", "static") != "static":
            raise ValueError("a list of splitters is for FANSCRIBE_DISCOVERY=static only")
        return value

    @field_validator("splitter_service")
    @classmethod
    def _service(cls, value: str, info: ValidationInfo) -> str:
        discovery = info.data.get("discovery", "static")
        if discovery != "static" and not value:
            raise ValueError(f"FANSCRIBE_DISCOVERY={discovery} needs the name of a Service")
        labels = value.split(".") if value else []
        if not all(_LABEL.fullmatch(label) for label in labels):
            raise ValueError("a name is letters a-z, digits and hyphens")
        if discovery == "kubernetes" and len(labels) != 1:
            raise ValueError("FANSCRIBE_DISCOVERY=kubernetes takes a Service's name without domain")
        return value

    @field_validator("namespace")
    @classmethod
    def _namespace(cls, value: str, info: ValidationInfo) -> str:
        if info.data.get("discovery") == "kubernetes" and not value:
            raise ValueError(
                "FANSCRIBE_DISCOVERY=kubernetes needs a namespace where no service account tells it"
            )
        if value and not _LABEL.fullmatch(value):
            raise ValueError("a namespace is letters a-z, digits and hyphens")
        return value

    @property
    def splitter_host(self) -> str:
        """The name that resolves to all splitters."""
        if not self.namespace or "." in self.splitter_service:
            return self.splitter_service
        return f"{self.splitter_service}.{self.namespace}.svc"
