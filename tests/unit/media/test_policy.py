"""Which URLs and addresses may be fetched."""

from ipaddress import ip_address

import pytest

from fanscribe.media.policy import SourcePolicy, host_pattern
from fanscribe.runtime.errors import FanscribeError, Reason
from tests.support.policies import networks

PUBLIC = [
    "https://example.com/a.mp3",
    "http://example.com:8080/a?sig=%2Fx%2f",
    "http://1.1.1.1/",
    "http://[2606:4700::1111]/a",
    "https://bücher.example/ü.mp3",
]

INVALID = [
    "",
    "a.mp3",
    "file:///etc/passwd",
    "ftp://example.com/a",
    "http://",
    "http:///a",
    "//example.com/a",
    "http://user@example.com/",
    "http://user:secret@example.com/",
    "http://:secret@example.com/",
    "http://exa mple.com/",
    "http://example.com/a\r\nHost: b",
    "http://example.com:99999/",
    "http://127.1/",
    "http://2130706433/",
    "http://0x7f000001/",
    "http://0177.0.0.1/",
    "http://127.0.0.1./",
    "http://[::1",
    "concat:http://a|http://b",
    "data:audio/wav;base64,AA",
    "http://example.com/" + "a" * 9000,
    "http://ex%61mple.com/",
    "http://example.com\\@127.0.0.1/",
]

FORBIDDEN = [
    "127.0.0.1",
    "127.255.255.254",
    "0.0.0.0",  # noqa: S104
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "100.100.100.200",
    "192.0.0.192",
    "168.63.129.16",
    "198.18.0.1",
    "203.0.113.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fe80::1",
    "fe80::1%eth0",
    "fc00::1",
    "fd00:ec2::254",
    "fec0::1",
    "ff02::1",
    "2001:db8::1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::127.0.0.1",
    "2002:7f00:1::",
    "64:ff9b::7f00:1",
    "64:ff9b:1::7f00:1",
    "2001:0:7f00:1::",
]


@pytest.mark.parametrize("url", PUBLIC)
def test_public_urls_pass(url: str) -> None:
    SourcePolicy().check_url(url)


def test_an_ascii_url_is_sent_as_it_was_written() -> None:
    url = "https://example.com/a%2fb?signature=%2F+%20a"
    assert str(SourcePolicy().check_url(url)) == url


@pytest.mark.parametrize("url", INVALID)
def test_malformed_urls_are_refused(url: str) -> None:
    with pytest.raises(FanscribeError) as refused:
        SourcePolicy().check_url(url)
    assert refused.value.reason is Reason.MEDIA_URL_INVALID


@pytest.mark.parametrize("address", FORBIDDEN)
def test_addresses_that_are_not_public_are_refused(address: str) -> None:
    with pytest.raises(FanscribeError) as refused:
        SourcePolicy().check_address(ip_address(address))
    assert refused.value.reason is Reason.MEDIA_URL_FORBIDDEN


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "169.254.169.254"])
def test_urls_with_such_addresses_are_refused(host: str) -> None:
    with pytest.raises(FanscribeError) as refused:
        SourcePolicy().check_url(f"http://{host}/a.mp3")
    assert refused.value.reason is Reason.MEDIA_URL_FORBIDDEN


def test_allowed_networks_open_only_themselves() -> None:
    policy = SourcePolicy(networks("127.0.0.0/8", "fd00::/8"))
    policy.check_url("http://127.0.0.1:9000/a.mp3")
    policy.check_url("http://[fd00::1]/a.mp3")
    policy.check_address(ip_address("::ffff:127.0.0.1"))
    with pytest.raises(FanscribeError):
        policy.check_url("http://10.0.0.1/a.mp3")


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://media.example.com/a", True),
        ("https://MEDIA.example.com./a", True),
        ("https://example.com/a", True),
        ("https://private.example.com/a", False),
        ("https://notexample.com/a", False),
        ("https://example.com.evil.test/a", False),
        ("https://bücher.example/a", True),
        ("https://1.1.1.1/a", True),
        ("https://[2606:4700:0:0::1111]/a", True),
        ("https://8.8.8.8/a", False),
    ],
)
def test_hosts_are_allowed_and_denied_by_name_and_suffix(url: str, *, allowed: bool) -> None:
    names = (".example.com", "Bücher.example", "1.1.1.1", "[2606:4700::1111]")
    policy = SourcePolicy(
        allowed_hosts=tuple(host_pattern(name) for name in names),
        denied_hosts=(host_pattern("private.example.com"),),
    )
    if allowed:
        policy.check_url(url)
        return
    with pytest.raises(FanscribeError) as refused:
        policy.check_url(url)
    assert refused.value.reason is Reason.MEDIA_URL_FORBIDDEN


@pytest.mark.parametrize("text", ["", ".", "a b", "http://a", "a:80", "*.example.com", "a/b"])
def test_what_is_no_host_pattern(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a host name|address"):
        host_pattern(text)


def test_denied_networks_win() -> None:
    policy = SourcePolicy(
        allowed_networks=networks("10.0.0.0/8"),
        denied_networks=networks("10.96.0.0/12", "1.1.1.0/24"),
    )
    policy.check_url("http://10.1.0.1/")
    for address in ("10.96.0.1", "1.1.1.1", "[::ffff:1.1.1.1]"):
        with pytest.raises(FanscribeError) as refused:
            policy.check_url(f"http://{address}/")
        assert refused.value.reason is Reason.MEDIA_URL_FORBIDDEN


def test_a_scheme_can_be_required() -> None:
    policy = SourcePolicy(schemes=("https",))
    policy.check_url("https://example.com/")
    with pytest.raises(FanscribeError, match="must begin with https://"):
        policy.check_url("http://example.com/")
