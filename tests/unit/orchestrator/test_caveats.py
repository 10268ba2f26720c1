"""What a caller is told of a recording beforehand."""

from dataclasses import replace

from fanscribe.media.recording import Recording, Strategy
from fanscribe.media.source import Source
from fanscribe.orchestrator.caveats import caveats

PINNED = Recording(Source("https://x/y", 1, etag='"1"'), "wav", "", 0, 0, 1)


def test_nothing_is_said_of_a_recording_like_any_other() -> None:
    assert caveats(PINNED, 100) == ()


def test_one_decode_is_told_of_where_many_could_have_shared_it() -> None:
    bare = replace(PINNED, strategy=Strategy.SEQUENTIAL)
    assert caveats(bare, 1) == ()
    (told,) = caveats(bare, 2)
    assert "in one go" in told


def test_times_that_are_not_the_files_own_are_told_of_always() -> None:
    (told,) = caveats(replace(PINNED, strategy=Strategy.JOINED), 1)
    assert "several recordings" in told
    loose = replace(PINNED, source=Source("https://x/y", 1), strategy=Strategy.JOINED)
    assert len(caveats(loose, 1)) == 2
