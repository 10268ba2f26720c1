"""The Triton model `whisper`: requests in, results out. The work is done by fanscribe_whisper."""

import json
import traceback
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import triton_python_backend_utils as pb_utils
from fanscribe_whisper.decoder import Decoder
from fanscribe_whisper.excerpts import Padding, Window
from fanscribe_whisper.options import RequestError
from fanscribe_whisper.transcriber import AbandonedError, Transcriber
from fanscribe_whisper.tuning import Hearing, Tuning

_FINAL: Final = pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL


class TritonPythonModel:
    """What Triton's Python backend calls: one object, in a process of its own, for each device."""

    def initialize(self, args: Mapping[str, str]) -> None:
        """Load the weights that the model configuration names."""
        config = json.loads(args["model_config"])
        parameters = {key: entry["string_value"] for key, entry in config["parameters"].items()}
        on_gpu = args["model_instance_kind"] == "GPU"
        workers = int(parameters["workers"])
        decoder = Decoder(
            Path(parameters["weights"]),
            device="cuda" if on_gpu else "cpu",
            device_index=int(args["model_instance_device_id"]) if on_gpu else 0,
            compute_type=parameters["compute_type"],
            batches=workers,
            threads=int(parameters["threads"]),
        )
        tuning = Tuning(
            Padding(int(parameters["padding_ms"]), int(parameters["bucket_ms"])),
            workers=workers,
            group_size=int(parameters["group_size"]),
            encoder_size=int(parameters["encoder_size"]),
            shared=not on_gpu,
            guards=parameters["guards"] == "true",
            english=_hearing(parameters, ""),
            foreign=_hearing(parameters, "foreign_"),
        )
        self._transcriber = Transcriber(decoder, tuning)

    def execute(self, requests: Sequence[Any]) -> None:
        """Begin a batch of requests; each is answered once it is done, after this has returned.

        So that the workers never wait for the last window of a batch. This waits while enough is in
        work: then Triton gathers the next batch. What is wrong with one request is told to that one
        alone. What was cancelled is not computed, or not to the end.
        """
        callers: dict[Window, Any] = {}
        senders: list[Any] = []
        for request in requests:
            sender = request.get_response_sender()
            try:
                window = self._window(request)
            except RequestError as error:
                sender.send(_error(str(error), pb_utils.TritonError.INVALID_ARG), _FINAL)
            else:
                callers[window] = request
                senders.append(sender)
        results = self._transcriber.submit(
            list(callers), abandoned=lambda window: bool(callers[window].is_cancelled())
        )
        for sender, result in zip(senders, results, strict=True):
            result.add_done_callback(partial(_answer, sender))

    def finalize(self) -> None:
        """Finish what has begun."""
        self._transcriber.close()

    def _window(self, request: Any) -> Window:
        samples = pb_utils.get_input_tensor_by_name(request, "AUDIO").as_numpy()
        options = pb_utils.get_input_tensor_by_name(request, "OPTIONS").as_numpy()
        if len(samples) != 1:
            raise RequestError(f"send one window in each request, not {len(samples)}")
        return self._transcriber.window(samples[0], options[0, 0])


def _hearing(parameters: Mapping[str, str], whose: str) -> Hearing:
    return Hearing(
        sure_logprob=float(parameters[f"{whose}sure_logprob"]),
        hop_samples=int(parameters[f"{whose}hop_samples"]),
        beams=int(parameters[f"{whose}beams"]),
    )


def _answer(sender: Any, result: Future[dict[str, Any]]) -> None:
    error = result.exception()
    if error is None:
        text = json.dumps(result.result(), ensure_ascii=False).encode()
        tensor = pb_utils.Tensor("RESULT", np.array([[text]], dtype=np.object_))
        response = pb_utils.InferenceResponse(output_tensors=[tensor])
    elif isinstance(error, AbandonedError):
        response = _error("the request was cancelled", pb_utils.TritonError.CANCELLED)
    else:
        traceback.print_exception(error)
        response = _error(f"decoding failed: {error}", pb_utils.TritonError.INTERNAL)
    sender.send(response, _FINAL)


def _error(message: str, code: int) -> Any:
    return pb_utils.InferenceResponse(error=pb_utils.TritonError(message, code))
