"""A release of the chart on the tests' API server."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.cluster.control_plane import ControlPlane, program


class Release:
    """A release of the chart, in namespace `speech`."""

    def __init__(self, cluster: ControlPlane, major: str, name: str) -> None:
        self._cluster = cluster
        self._helm = program(Path(sys.prefix) / "helm" / major / "helm")
        self.name = name

    def helm(self, verb: str, *arguments: str) -> str:
        """Run helm; nothing is waited for, because there are no nodes."""
        done = subprocess.run(
            [self._helm, verb, self.name, *arguments, "--namespace=speech"],
            env={**os.environ, "KUBECONFIG": str(self._cluster.kubeconfig)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def found(self, kinds: str) -> list[dict[str, Any]]:
        """What there is of it."""
        selector = f"--selector=app.kubernetes.io/instance={self.name}"
        found = json.loads(self._cluster.kubectl("get", kinds, selector, "--output=json"))
        return list(found["items"])

    def replicas(self) -> dict[str, int]:
        """Of its Deployments, by component."""
        label = "app.kubernetes.io/component"
        return {
            one["metadata"]["labels"][label]: one["spec"]["replicas"]
            for one in self.found("deployments")
        }
