"""Request headers of a caller: which are passed on, and that none is ever shown."""

import pytest

from fanscribe.media.headers import MAX_BYTES, MAX_HEADERS, RequestHeaders
from fanscribe.media.recording import Recording
from fanscribe.media.source import Source
from fanscribe.runtime.errors import FanscribeError, Reason

SECRET = "Bearer s3cr3t-token"  # noqa: S105


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": SECRET},
        {"authorization": SECRET, "X-Api-Key": "a b\tc", "Cookie": 'a="b"; c=d'},
        {"X-Empty": ""},
        {"X-Long": "x" * (MAX_BYTES - 6)},
        {f"X-{number}": "1" for number in range(MAX_HEADERS)},
    ],
)
def test_headers_that_pass(headers: dict[str, str]) -> None:
    assert RequestHeaders.of(headers).as_dict() == headers


@pytest.mark.parametrize(
    "name",
    [
        *("Host", "range", "If-Match", "if-range", "IF-NONE-MATCH", "Accept-Encoding"),
        *("Connection", "Keep-Alive", "TE", "Trailer", "Transfer-Encoding", "Upgrade", "Expect"),
        *("Proxy-Authorization", "Content-Length", "Content-Type", "X-Forwarded-For", "Via"),
        # What the metadata services of clouds ask for.
        *("Metadata-Flavor", "Metadata", "X-aws-ec2-metadata-token", "X-Metadata-Token"),
    ],
)
def test_headers_of_our_own_are_refused(name: str) -> None:
    with pytest.raises(FanscribeError) as refused:
        RequestHeaders.of({name: SECRET})
    assert refused.value.reason is Reason.MEDIA_HEADERS_INVALID
    assert SECRET not in refused.value.message
    assert name.lower() in refused.value.message


@pytest.mark.parametrize(
    "headers",
    [
        {"": SECRET},
        {SECRET: "Authorization"},
        {"Authorization:": SECRET},
        {"Authorization\r\nHost": SECRET},
        {"X": f"{SECRET}\r\nHost: b"},
        {"X": f"{SECRET}\n"},
        {"X": f" {SECRET}"},
        {"X": f"{SECRET}\0"},
        {"X": f"{SECRET} é"},
        {"X" * 129: SECRET},
        {"X": SECRET, "x": SECRET},
        {"X": SECRET * MAX_BYTES},
        {f"X-{number}": SECRET for number in range(MAX_HEADERS + 1)},
    ],
)
def test_malformed_headers_are_refused_without_showing_them(headers: dict[str, str]) -> None:
    with pytest.raises(FanscribeError) as refused:
        RequestHeaders.of(headers)
    assert refused.value.reason is Reason.MEDIA_HEADERS_INVALID
    assert "s3cr3t" not in refused.value.message


def test_neither_headers_nor_the_query_of_a_url_are_shown() -> None:
    headers = RequestHeaders.of({"Authorization": SECRET})
    source = Source("https://example.com/a?sig=s3cr3t", 1, headers=headers)
    recording = Recording(source, "mp3", "mp3", 0, 0, 1)
    for shown in (headers, source, recording):
        assert "s3cr3t" not in f"{shown!r} {shown}"


def test_sources_with_other_headers_are_other_sources() -> None:
    one, other = (RequestHeaders.of({"Authorization": user}) for user in ("a", "b"))
    assert Source("http://a/", 1, headers=one) != Source("http://a/", 1, headers=other)
    assert RequestHeaders.of({"B": "2", "A": "1"}) == RequestHeaders.of({"A": "1", "B": "2"})
