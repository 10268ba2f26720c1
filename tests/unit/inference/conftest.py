"""Makes the Triton model's own package importable, as Triton's Python backend does."""

import sys
from pathlib import Path

VERSION_FOLDER = Path(__file__).parents[3] / "services/inference/model_repository/whisper/1"

sys.path.insert(0, str(VERSION_FOLDER))
