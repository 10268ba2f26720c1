"""Content-Range headers, validators and preconditions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fanscribe.media.source import ContentRange, Source, parse_content_range, strong_etag


@given(st.integers(0, 10**15), st.integers(1, 10**15), st.integers(0, 10**15))
def test_sane_ranges_are_read(start: int, length: int, after: int) -> None:
    end, size = start + length, start + length + after
    header = f"bytes {start}-{end - 1}/{size}"
    assert parse_content_range(header) == ContentRange(start, end, size)
    assert parse_content_range(f"bytes {start}-{end - 1}/*") == ContentRange(start, end, None)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "bytes",
        "bytes */10",
        "bytes 5-4/10",
        "bytes 0-10/10",
        "bytes 0-9",
        "items 0-1/2",
        "bytes -1-2/3",
    ],
)
def test_nonsense_is_not(header: str) -> None:
    assert parse_content_range(header) is None


@given(st.text(max_size=40))
def test_any_header_is_read_or_refused(header: str) -> None:
    parse_content_range(header)


def test_only_strong_etags_count() -> None:
    assert strong_etag('"abc"') == '"abc"'
    assert strong_etag('W/"abc"') == ""
    assert strong_etag("abc") == ""


def test_the_strongest_validator_becomes_the_precondition() -> None:
    both = Source("http://a/", 1, etag='"x"', last_modified="Thu, 01 Jan 1970 00:00:00 GMT")
    assert both.precondition() == {"If-Match": '"x"'}
    dated = Source("http://a/", 1, last_modified="Thu, 01 Jan 1970 00:00:00 GMT")
    assert dated.precondition() == {"If-Unmodified-Since": "Thu, 01 Jan 1970 00:00:00 GMT"}
    assert Source("http://a/", 1).precondition() == {}


@pytest.mark.parametrize(
    ("pinned", "told", "contradicted"),
    [
        (('"x"', "A"), ('"x"', "A"), False),
        (('"x"', "A"), ('"y"', "A"), True),
        (('"x"', "A"), ("", ""), False),
        (('"x"', "A"), ("", "B"), True),
        (("", "A"), ('"y"', "A"), False),
        (("", "A"), ("", "B"), True),
        (('W/"x"', ""), ('W/"y"', ""), True),
        (('W/"x"', ""), ('"x"', ""), False),  # weak only while the file was new
    ],
)
def test_answers_about_other_bytes_are_noticed(
    pinned: tuple[str, str], told: tuple[str, str], *, contradicted: bool
) -> None:
    source = Source("http://a/", 7, *pinned)
    assert source.is_contradicted(7, *told) is contradicted
    assert source.is_contradicted(None, *told) is contradicted
    assert source.is_contradicted(8, *told)


def test_a_pin_by_length_alone_is_told() -> None:
    assert Source("http://a/", 1).warnings
    weak = Source("http://a/", 1, etag='W/"x"')
    assert weak.warnings
    assert not weak.is_pinned
    assert weak.precondition() == {}
    assert not Source("http://a/", 1, last_modified="A").warnings
