"""Which hop and which doubt suit which weights."""

from pathlib import Path

from fanscribe.inference.hearing import Hearing, hearing_of
from fanscribe.inference.settings import InferenceSettings
from fanscribe.inference.weights import resolve_weights


def test_known_weights_are_known_wherever_they_lie(tmp_path: Path) -> None:
    tiny = resolve_weights("tiny.en", tmp_path)
    (tmp_path / "elsewhere").symlink_to(tiny)
    for folder in (tiny, tmp_path / "elsewhere"):
        found = hearing_of(InferenceSettings(cache_dir=tmp_path), folder)
        assert found == Hearing(sure_logprob=-0.4, hop_samples=168)


def test_base_hears_english_as_any_weights_do(tmp_path: Path) -> None:
    found = hearing_of(InferenceSettings(cache_dir=tmp_path), resolve_weights("base", tmp_path))
    foreign = Hearing(foreign_sure_logprob=0.0, foreign_hop_samples=170, foreign_beams=12)
    assert found == foreign


def test_other_weights_are_heard_as_whisper_was_trained(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(b"weights of my own")
    assert hearing_of(InferenceSettings(cache_dir=tmp_path / "cache"), tmp_path) == Hearing()
    assert hearing_of(InferenceSettings(), None) == Hearing(sure_logprob=-0.5, hop_samples=160)


def test_what_is_asked_for_counts(tmp_path: Path) -> None:
    settings = InferenceSettings(cache_dir=tmp_path, sure_logprob=0.0, hop_samples=160)
    found = hearing_of(settings, resolve_weights("tiny.en", tmp_path))
    assert found == Hearing(sure_logprob=0.0, hop_samples=160)
