"""Fetches the weights that FANSCRIBE_MODEL names into HF_HOME, and checks their SHA-256."""

import sys

from fanscribe.inference.errors import SetupError
from fanscribe.inference.settings import InferenceSettings
from fanscribe.inference.weights import resolve_weights

settings = InferenceSettings()
try:
    print(resolve_weights(settings.model, settings.cache_dir, settings.model_sha256))
except SetupError as error:
    sys.exit(str(error))
