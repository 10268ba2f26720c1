"""A stand-in for the Triton model `whisper`, for tests: the same contract, no model behind it."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils

SAMPLES_PER_MS = 16


class TritonPythonModel:
    """Answers every request at once: one segment as long as the audio, with a fixed text."""

    def execute(self, requests: Sequence[Any]) -> list[Any]:
        """Answer a batch of requests."""
        return [_answer(request) for request in requests]


def _answer(request: Any) -> Any:
    samples = pb_utils.get_input_tensor_by_name(request, "AUDIO").as_numpy().shape[1]
    options = pb_utils.get_input_tensor_by_name(request, "OPTIONS").as_numpy()
    segment = {
        "start_ms": 0,
        "end_ms": max(1, samples // SAMPLES_PER_MS),
        "text": "Stand-in.",
        "avg_logprob": -0.1,
        "no_speech_prob": 0.0,
        "compression_ratio": 1.0,
        "words": [],
    }
    result = {
        "language": json.loads(options[0, 0] or "{}").get("language") or "en",
        "language_probability": 1.0,
        "segments": [segment],
    }
    tensor = pb_utils.Tensor("RESULT", np.array([[json.dumps(result).encode()]], dtype=np.object_))
    return pb_utils.InferenceResponse(output_tensors=[tensor])
