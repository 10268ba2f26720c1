"""Makes the Triton model's own package importable, as Triton's Python backend does."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fanscribe.inference.weights import resolve_weights

if TYPE_CHECKING:
    from fanscribe_whisper.vocabulary import Vocabulary

VERSION_FOLDER = Path(__file__).parents[3] / "services/inference/model_repository/whisper/1"

sys.path.insert(0, str(VERSION_FOLDER))


@pytest.fixture(scope="session")
def vocabulary(tmp_path_factory: pytest.TempPathFactory) -> "Vocabulary":
    """That of tiny.en."""
    from fanscribe_whisper.vocabulary import Vocabulary

    weights = resolve_weights("tiny.en", tmp_path_factory.mktemp("cache"))
    return Vocabulary(weights, multilingual=False)
