"""What the chart renders of scaling: read from its manifests, never written down a second time."""

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from fanscribe.inference.settings import InferenceSettings
from fanscribe.orchestrator.settings import OrchestratorSettings
from fanscribe.splitter.settings import SplitterSettings

# The renders that are kept; tests/chart holds them against what helm renders.
GOLDEN: Final = Path(__file__).resolve().parents[2] / "tests/chart/golden"
_BATCH_WINDOWS: Final = InferenceSettings.model_fields["max_batch_size"].default
_CONNECTION_AGE_S: Final = InferenceSettings.model_fields["connection_age_s"].default


@dataclass(frozen=True)
class Policy:
    """How much may change in a period."""

    kind: str  # Percent, Pods
    value: int
    period_s: int


@dataclass(frozen=True)
class Direction:
    """An HPA's behaviour upwards, or downwards."""

    window_s: int
    policies: tuple[Policy, ...]


@dataclass(frozen=True)
class Trigger:
    """A question to Prometheus."""

    name: str
    query: str
    threshold: float
    activation: float


@dataclass(frozen=True)
class ScaledObject:
    """One ScaledObject."""

    least: int
    most: int
    polling_s: float
    cooldown_s: float
    triggers: tuple[Trigger, ...]
    formula: str  # over the triggers' names; empty: each trigger by itself
    target: float
    activation: float
    up: Direction
    down: Direction

    def metrics(self, answers: Mapping[str, float]) -> list[tuple[float, float]]:
        """Return what the HPA is told: values, each with what one replica is to have of it."""
        if self.formula:
            return [(evaluate(self.formula, answers), self.target)]
        return [(answers[one.name], one.threshold) for one in self.triggers]

    def active(self, answers: Mapping[str, float]) -> bool:
        """Tell whether there should be a replica at all."""
        if self.formula:
            return evaluate(self.formula, answers) > self.activation
        return any(answers[one.name] > one.activation for one in self.triggers)


@dataclass(frozen=True)
class Chart:
    """Everything of a release that the simulation follows."""

    splitter: ScaledObject
    inference: ScaledObject
    orchestrators: int
    orchestrator_settings: OrchestratorSettings
    splitter_settings: SplitterSettings
    batch_windows: int
    scrape_s: float
    connection_age_s: float  # of Triton's connections; 0: they last


def read(name: str) -> Chart:
    """Read a render of `GOLDEN`."""
    text = (GOLDEN / f"{name}.yaml").read_text(encoding="utf-8")
    manifests = [one for one in yaml.safe_load_all(text) if one]

    def one(kind: str, component: str) -> dict[str, Any]:
        label = "app.kubernetes.io/component"
        (found,) = [
            manifest["spec"]
            for manifest in manifests
            if manifest["kind"] == kind and manifest["metadata"]["labels"][label] == component
        ]
        return dict(found)

    def settings(component: str) -> dict[str, str]:
        # What has no value is a reference to the pod's namespace.
        return {
            variable["name"].removeprefix("FANSCRIBE_").lower(): variable.get("value", "simulated")
            for variable in _container(one("Deployment", component))["env"]
        }

    (endpoint, *_) = next(
        manifest["spec"]["podMetricsEndpoints"]
        for manifest in manifests
        if manifest["kind"] == "PodMonitor"
    )
    return Chart(
        splitter=_scaled_object(one("ScaledObject", "splitter")),
        inference=_scaled_object(one("ScaledObject", "inference")),
        orchestrators=one("Deployment", "orchestrator")["replicas"],
        orchestrator_settings=OrchestratorSettings.model_validate(settings("orchestrator")),
        splitter_settings=SplitterSettings.model_validate(settings("splitter")),
        batch_windows=int(settings("inference").get("max_batch_size", _BATCH_WINDOWS)),
        scrape_s=float(str(endpoint["interval"]).removesuffix("s")),
        connection_age_s=float(settings("inference").get("connection_age_s", _CONNECTION_AGE_S)),
    )


def evaluate(formula: str, answers: Mapping[str, float]) -> float:
    """Work a formula out; raises ValueError at anything but `max`, `*`, `/` and names."""

    def value(node: ast.expr) -> float:
        match node:
            case ast.Constant(value=int() | float() as number):
                return float(number)
            case ast.Name(id=name):
                return answers[name]
            case ast.BinOp(left=left, op=ast.Mult(), right=right):
                return value(left) * value(right)
            case ast.BinOp(left=left, op=ast.Div(), right=right):
                return value(left) / value(right)
            case ast.Call(func=ast.Name(id="max"), args=arguments):
                return max(value(argument) for argument in arguments)
            case _:
                raise ValueError(f"the simulation does not know this formula: {formula}")

    return value(ast.parse(formula, mode="eval").body)


def _container(deployment: dict[str, Any]) -> dict[str, Any]:
    (found,) = deployment["template"]["spec"]["containers"]
    return dict(found)


def _scaled_object(spec: dict[str, Any]) -> ScaledObject:
    modifiers = spec["advanced"].get("scalingModifiers", {})
    behavior = spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
    return ScaledObject(
        least=spec["minReplicaCount"],
        most=spec["maxReplicaCount"],
        polling_s=spec["pollingInterval"],
        cooldown_s=spec["cooldownPeriod"],
        triggers=tuple(_trigger(trigger) for trigger in spec["triggers"]),
        formula=modifiers.get("formula", ""),
        target=float(modifiers.get("target", 1)),
        activation=float(modifiers.get("activationTarget", 0)),
        up=_direction(behavior["scaleUp"]),
        down=_direction(behavior["scaleDown"]),
    )


def _trigger(trigger: dict[str, Any]) -> Trigger:
    metadata = trigger["metadata"]
    return Trigger(
        name=trigger["name"],
        query=metadata["query"],
        threshold=float(metadata["threshold"]),
        activation=float(metadata["activationThreshold"]),
    )


def _direction(behavior: dict[str, Any]) -> Direction:
    return Direction(
        window_s=behavior["stabilizationWindowSeconds"],
        policies=tuple(
            Policy(policy["type"], policy["value"], policy["periodSeconds"])
            for policy in behavior["policies"]
        ),
    )
