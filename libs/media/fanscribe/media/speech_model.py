"""The Silero model that tells speech, laid out so that many frames are computed at once.

As it is shipped, its convolutions take a batch of frames of a few columns each, and ONNX Runtime
multiplies one frame's matrix after the other. Here the frames of a call lie below each other in one
image, whose rows the convolutions do not mix: the same sums, a third of the time.
"""

import functools
import importlib.util
import os
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from onnx import helper, numpy_helper

# onnxruntime 1.29 and newer report to Microsoft unless this is set before they are loaded.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import onnxruntime

# Nodes of the shipped graph: where frames [frames, samples] become a batch of one channel, and
# where what the encoder made of them, [frames, channels, 1], is given to the LSTM.
_BATCH: Final = "/encoder/feature_extractor/Unsqueeze"
_HANDOVER: Final = "/Transpose"


@functools.cache
def speech_model() -> Any:
    """Load the model that faster-whisper ships, without importing faster-whisper.

    Takes `input` [frames, samples] and the LSTM's state, `h` and `c`; returns the frames'
    probabilities and the state after them.
    """
    spec = importlib.util.find_spec("faster_whisper")
    if spec is None or spec.origin is None:
        raise RuntimeError("faster-whisper, which ships the Silero model, is not installed")
    model = onnx.load(Path(spec.origin).parent / "assets" / "silero_vad_v6.onnx")
    _lay_out_as_image(model.graph)
    options = onnxruntime.SessionOptions()
    options.inter_op_num_threads = 1
    options.intra_op_num_threads = 1
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"], sess_options=options
    )


def _lay_out_as_image(graph: onnx.GraphProto) -> None:
    """Make one image [1, channels, frames, columns] of the batch [frames, channels, columns]."""
    constants = {constant.name: constant for constant in graph.initializer}
    del graph.value_info[:]  # the shapes in between, which no longer hold
    for node in graph.node:
        if node.name == _BATCH:
            node.input[1] = _constant(graph, "image_axes", [0, 1])
        elif node.op_type == "Conv" and node.name.startswith("/encoder/"):
            _convolve_rows(node, constants[node.input[1]])
        elif node.op_type == "Slice":
            # By channels and columns.
            node.input[3] = _constant(graph, f"{node.output[0]}_axes", [1, 3])
    place, handover = next(
        (place, node) for place, node in enumerate(graph.node) if node.name == _HANDOVER
    )
    # The LSTM takes a sequence [frames, 1, channels].
    sequence = helper.make_node("Transpose", handover.input, ["sequence"], perm=[2, 0, 1, 3])
    columns = _constant(graph, "columns_axis", [3])
    handover.CopyFrom(helper.make_node("Squeeze", ["sequence", columns], handover.output))
    graph.node.insert(place, sequence)


def _convolve_rows(node: onnx.NodeProto, weights: onnx.TensorProto) -> None:
    """Let a convolution of columns go over an image, each row by itself."""
    kernel = numpy_helper.to_array(weights)[:, :, np.newaxis, :]
    weights.CopyFrom(numpy_helper.from_array(kernel, weights.name))
    neutral = {"kernel_shape": 1, "strides": 1, "dilations": 1, "pads": 0}
    for attribute in node.attribute:
        if (rows := neutral.get(attribute.name)) is not None:
            # Beginnings of all axes, then ends.
            attribute.ints[:] = [value for own in attribute.ints for value in (rows, own)]


def _constant(graph: onnx.GraphProto, name: str, values: list[int]) -> str:
    graph.initializer.append(numpy_helper.from_array(np.array(values, np.int64), name))
    return name
