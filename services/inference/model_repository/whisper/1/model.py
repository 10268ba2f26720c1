"""The Triton model `whisper`: requests in, results out. The work is done by fanscribe_whisper."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import triton_python_backend_utils as pb_utils
from fanscribe_whisper.batches import Padding, Window
from fanscribe_whisper.decoder import Decoder
from fanscribe_whisper.options import RequestError
from fanscribe_whisper.transcriber import Transcriber
from fanscribe_whisper.tuning import Tuning

_FINAL: Final = pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL


class TritonPythonModel:
    """What Triton's Python backend calls; one object, in a process of its own, per instance."""

    def initialize(self, args: Mapping[str, str]) -> None:
        """Load the weights that the model configuration names."""
        config = json.loads(args["model_config"])
        parameters = {key: entry["string_value"] for key, entry in config["parameters"].items()}
        on_gpu = args["model_instance_kind"] == "GPU"
        decoder = Decoder(
            Path(parameters["weights"]),
            device="cuda" if on_gpu else "cpu",
            device_index=int(args["model_instance_device_id"]) if on_gpu else 0,
            compute_type=parameters["compute_type"],
            threads=int(parameters["threads"]),
        )
        tuning = Tuning(
            Padding(int(parameters["padding_ms"]), int(parameters["bucket_ms"])),
            group_size=int(parameters["group_size"]),
            encoder_size=int(parameters["encoder_size"]),
            guards=parameters["guards"] == "true",
        )
        self._transcriber = Transcriber(decoder, tuning)

    def execute(self, requests: Sequence[Any]) -> None:
        """Answer a batch of requests, each as soon as its group of windows is done.

        What is wrong with one request is told to that one alone. What was cancelled is not
        computed, or not to the end.
        """
        senders = {request: request.get_response_sender() for request in requests}
        windows: dict[Window, Any] = {}
        for request, sender in senders.items():
            try:
                windows[self._window(request)] = request
            except RequestError as error:
                sender.send(_error(str(error), pb_utils.TritonError.INVALID_ARG), _FINAL)
        results = self._transcriber.transcribe(
            list(windows), abandoned=lambda window: bool(windows[window].is_cancelled())
        )
        for window, result in results:
            senders[windows[window]].send(_answer(result), _FINAL)

    def _window(self, request: Any) -> Window:
        samples = pb_utils.get_input_tensor_by_name(request, "AUDIO").as_numpy()
        options = pb_utils.get_input_tensor_by_name(request, "OPTIONS").as_numpy()
        if len(samples) != 1:
            raise RequestError(f"send one window in each request, not {len(samples)}")
        return self._transcriber.window(samples[0], options[0, 0])


def _answer(result: Mapping[str, Any] | None) -> Any:
    if result is None:
        return _error("the request was cancelled", pb_utils.TritonError.CANCELLED)
    text = json.dumps(result, ensure_ascii=False).encode()
    tensor = pb_utils.Tensor("RESULT", np.array([[text]], dtype=np.object_))
    return pb_utils.InferenceResponse(output_tensors=[tensor])


def _error(message: str, code: int) -> Any:
    return pb_utils.InferenceResponse(error=pb_utils.TritonError(message, code))
