"""cert-manager makes the certificates, as docs/kubernetes.md says, and a stack runs on them."""

import base64
import json
import re
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from cryptography import x509

from fanscribe.client import Client, ClientTls
from fanscribe.client.local_stack import LocalStack
from tests.chart.charts import CHART, COMPONENTS, VALUES, environment, one, resources
from tests.chart.charts import ROOT as REPOSITORY
from tests.cluster.control_plane import ControlPlane
from tests.cluster.release import Release
from tests.support.range_server import RangeServer
from tests.support.speech import Recording, word_error_rate

ISSUING = Path(sys.prefix) / "issuing/issuing"
_MOUNTED = "/etc/fanscribe/tls"
_SUFFIXES = "_CERT_FILE", "_KEY_FILE", "_CA_FILE"


def _authority() -> str:
    """Manifests of the guide: an authority of one's own, and its issuer."""
    guide = (REPOSITORY / "docs/kubernetes.md").read_text()
    (manifests,) = re.findall(r"apply -f - <<EOF\n(.*?)^EOF$", guide, re.DOTALL | re.MULTILINE)
    return str(manifests)


@pytest.fixture(scope="module")
async def issuing(cluster: ControlPlane) -> AsyncIterator[ControlPlane]:
    """An API server with those of cert-manager's controllers that the guide's issuer takes."""
    async with cluster.running(ISSUING, KUBECONFIG=str(cluster.kubeconfig)):
        yield cluster


@pytest.fixture(scope="module")
def secrets(issuing: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder for each component with what is in its secret."""
    issuing.kubectl("apply", "--namespace=speech", "--filename=-", manifests=_authority())
    release = Release(issuing, "4", "demo")
    release.helm("install", str(CHART), f"--values={VALUES / 'tls.yaml'}")
    ready = "--for=condition=Ready", "certificates", "--all", "--timeout=60s"
    issuing.kubectl("wait", *ready, "--namespace=speech")
    folder = tmp_path_factory.mktemp("secrets")
    for component in COMPONENTS:
        name = f"demo-fanscribe-{component}-tls"
        found = issuing.kubectl("get", "secret", name, "--namespace=speech", "--output=json")
        (folder / component).mkdir()
        for key, value in json.loads(found)["data"].items():
            (folder / component / key).write_bytes(base64.b64decode(value))
    yield folder
    release.helm("uninstall")


def _name(component: str) -> str:
    return f"demo-fanscribe-{component}.speech.svc"


def _environment(secrets: Path, component: str) -> dict[str, str]:
    """What the chart sets about TLS, with the secret where it is here, and names for addresses."""
    names = {
        "FANSCRIBE_SPLITTER_SERVER_NAME": _name("splitter"),
        "FANSCRIBE_INFERENCE_SERVER_NAME": _name("inference"),
    }
    return names | {
        name: value.replace(_MOUNTED, str(secrets / component))
        for name, value in environment(one(resources("tls"), "Deployment", component)).items()
        if name.endswith(_SUFFIXES)
    }


@pytest.mark.parametrize("component", COMPONENTS)
def test_certificates_are_what_the_chart_asks_for(secrets: Path, component: str) -> None:
    certificate = x509.load_pem_x509_certificate((secrets / component / "tls.crt").read_bytes())
    extensions = certificate.extensions
    names = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    asked = one(resources("tls"), "Certificate", component)["spec"]
    assert names.get_values_for_type(x509.DNSName) == asked["dnsNames"]
    assert _name(component) in asked["dnsNames"]
    assert set(extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == {
        x509.ExtendedKeyUsageOID.SERVER_AUTH,
        x509.ExtendedKeyUsageOID.CLIENT_AUTH,
    }


async def test_a_stack_runs_on_them(
    secrets: Path, clips: list[Recording], media_host: RangeServer, tmp_path: Path
) -> None:
    clip = clips[0]
    url = media_host.add(clip.path.name, clip.path)
    believed = ClientTls(secrets / "orchestrator/ca.crt", server_name=_name("orchestrator"))
    async with (
        LocalStack(
            model="tiny.en",
            splitters=1,
            log_directory=tmp_path,
            orchestrator_environment=_environment(secrets, "orchestrator"),
            splitter_environment=_environment(secrets, "splitter"),
            inference_environment=_environment(secrets, "inference"),
        ) as stack,
        Client(stack.address, tls=believed) as client,
    ):
        transcript = await client.transcript(url, timeout_s=120)
    assert word_error_rate(clip.transcript, transcript.text) < 0.2
