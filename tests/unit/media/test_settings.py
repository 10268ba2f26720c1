"""Settings of reading recordings: from variables to policy and limits, bad ones by name."""

from ipaddress import ip_network
from pathlib import Path

import pytest
import trustme

from fanscribe.media.limits import MediaLimits
from fanscribe.media.policy import SourcePolicy
from fanscribe.media.settings import MediaSettings
from fanscribe.runtime.settings import read_settings


def test_without_variables_everything_has_its_default() -> None:
    settings = read_settings(MediaSettings)
    assert settings.source_policy() == SourcePolicy()
    assert settings.media_limits() == MediaLimits()


def test_variables_become_policy_and_limits(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    variables = {
        "SCHEMES": "https",
        "ALLOWED_HOSTS": ".Example.com, media.test",
        "DENIED_HOSTS": "secret.example.com",
        "ALLOWED_NETWORKS": "10.1.0.0/16",
        "DENIED_NETWORKS": "10.96.0.0/12,fd00::/8",
        "MAX_REDIRECTS": "0",
        "CA_FILE": str(tmp_path / "ca.pem"),
        "PROBE_DEADLINE_S": "7",
        "EXTRACT_DEADLINE_S": "8.5",
        "CACHE_BYTES": "0",
    }
    for name, value in variables.items():
        monkeypatch.setenv(f"FANSCRIBE_MEDIA_{name}", value)
    settings = read_settings(MediaSettings)
    assert settings.source_policy() == SourcePolicy(
        allowed_networks=(ip_network("10.1.0.0/16"),),
        denied_networks=(ip_network("10.96.0.0/12"), ip_network("fd00::/8")),
        allowed_hosts=(".example.com", "media.test"),
        denied_hosts=("secret.example.com",),
        schemes=("https",),
        max_redirects=0,
        ca_file=tmp_path / "ca.pem",
    )
    limits = settings.media_limits()
    assert limits == MediaLimits(probe_deadline_s=7, extract_deadline_s=8.5, cache_bytes=0)
    assert limits.ffmpeg_cpu_s == 9


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SCHEMES", "ftp"),
        ("SCHEMES", ""),
        ("ALLOWED_HOSTS", "http://example.com"),
        ("DENIED_NETWORKS", "10.0.0.1/8"),
        ("CA_FILE", "/does/not/exist.pem"),
        ("CA_FILE", __file__),
        ("PROBE_DEADLINE_S", "0"),
        ("FFMPEG_MEMORY_BYTES", "1000"),
    ],
)
def test_a_bad_value_stops_the_process(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(f"FANSCRIBE_MEDIA_{name}", value)
    with pytest.raises(SystemExit) as stopped:
        read_settings(MediaSettings)
    assert stopped.value.code == 78
    assert capsys.readouterr().err.startswith(f"FANSCRIBE_MEDIA_{name}:")
