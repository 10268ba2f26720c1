"""How a transcription fails."""

import grpc
from grpc import aio

from fanscribe.runtime.statuses import error_of


class TranscriptionError(Exception):
    """A transcription that failed.

    `reason` is one of `fanscribe.runtime.errors.Reason`, or, where the server gave none (it was
    never reached, say), the name of the status code. `message` says what was wrong and what to do.
    """

    def __init__(self, reason: str, message: str, code: grpc.StatusCode) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.code = code


def transcription_error(
    failure: aio.AioRpcError, target: str, timeout_s: float | None
) -> TranscriptionError:
    """Tell a failed call to `target` in the caller's terms."""
    code = failure.code()
    told = error_of(failure)
    if told is not None:
        return TranscriptionError(told.reason, told.message, code)
    details = failure.details() or "no details"
    if code is grpc.StatusCode.UNAVAILABLE:
        message = f"no answer from a fanscribe server at {target}: {details}"
    elif code is grpc.StatusCode.DEADLINE_EXCEEDED and timeout_s is not None:
        message = f"not finished within {timeout_s:g} s"
    elif code is grpc.StatusCode.UNIMPLEMENTED:
        message = f"the server at {target} is not a fanscribe orchestrator: {details}"
    else:
        message = f"the server at {target} answered {code.name}: {details}"
    return TranscriptionError(code.name, message, code)
