"""What acts on the resources of the tests' API server: Kubernetes' own controllers, and KEDA."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fanscribe.inference.launcher import free_ports
from tests.cluster.control_plane import PROGRAMS, ControlPlane
from tests.support.certificates import Authority
from tests.support.polling import eventually

KEDA = Path(sys.prefix) / "keda"
_HOST = "127.0.0.1"
_API = "v1beta1.external.metrics.k8s.io"
_ADAPTER_USES = "lister", "authentication", "authorization"
_START_S = 90


@asynccontextmanager
async def controllers(plane: ControlPlane) -> AsyncIterator[None]:
    """Run those of Deployments, ReplicaSets and HPAs, and the collector, with their defaults.

    Pods are made and stay Pending: there are no nodes.
    """
    names = "deployment", "replicaset", "horizontal-pod-autoscaler", "garbage-collector"
    async with plane.running(
        PROGRAMS / "kube-controller-manager",
        f"--kubeconfig={plane.kubeconfig}",
        f"--controllers={','.join(f'{name}-controller' for name in names)}",
        "--leader-elect=false",
        "--secure-port=0",
    ):
        yield


@asynccontextmanager
async def keda(plane: ControlPlane) -> AsyncIterator[None]:
    """Run KEDA's operator and, behind the API server, its metrics adapter."""
    certificates = plane.folder / "keda"
    Authority(certificates).issue("tls", _HOST)
    service, metrics, probes, api = free_ports(_HOST, [0, 0, 0, 0])
    environment = {
        "KUBECONFIG": str(plane.kubeconfig),
        "POD_NAMESPACE": "keda",
        "KEDA_CLUSTER_OBJECT_NAMESPACE": "keda",
        "WATCH_NAMESPACE": "",
    }
    operator = plane.running(
        KEDA / "operator",
        f"--metrics-service-bind-address={_HOST}:{service}",
        f"--health-probe-bind-address={_HOST}:{probes}",
        "--metrics-bind-address=0",
        f"--cert-dir={certificates}",
        **environment,
    )
    adapter = plane.running(
        KEDA / "adapter",
        f"--metrics-service-address={_HOST}:{service}",
        f"--bind-address={_HOST}",
        f"--secure-port={api}",
        f"--port={metrics}",
        f"--cert-dir={certificates}",
        f"--tls-cert-file={certificates / 'tls.crt'}",
        f"--tls-private-key-file={certificates / 'tls.key'}",
        *(f"--{use}-kubeconfig={plane.kubeconfig}" for use in _ADAPTER_USES),
        **environment,
    )
    async with operator, adapter:
        plane.apply(*_registration(api))
        try:
            await eventually(lambda: _available(plane), "KEDA tells metrics", deadline_s=_START_S)
            yield
        finally:
            plane.kubectl("delete", "apiservice", _API)


def _available(plane: ControlPlane) -> bool:
    path = '--output=jsonpath={.status.conditions[?(@.type=="Available")].status}'
    return plane.kubectl("get", "apiservice", _API, path) == "True"


def _registration(port: int) -> list[dict[str, object]]:
    """Say where the adapter answers; a Service is the only way, so it is one that is a name."""
    version, _, group = _API.partition(".")
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "keda"}},
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "adapter", "namespace": "keda"},
            "spec": {"type": "ExternalName", "externalName": _HOST},
        },
        {
            "apiVersion": "apiregistration.k8s.io/v1",
            "kind": "APIService",
            "metadata": {"name": _API},
            "spec": {
                "group": group,
                "version": version,
                "groupPriorityMinimum": 100,
                "versionPriority": 100,
                "insecureSkipTLSVerify": True,
                "service": {"name": "adapter", "namespace": "keda", "port": port},
            },
        },
    ]
