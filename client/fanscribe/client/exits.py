"""Exit codes of the `fanscribe` command, in one table."""

from enum import IntEnum

import grpc

from fanscribe.client.errors import TranscriptionError
from fanscribe.runtime.errors import Reason


class Exit(IntEnum):
    """How the command ended."""

    DONE = 0
    INTERNAL = 1
    USAGE = 2
    MEDIA = 3
    ACCESS = 4
    UNAVAILABLE = 5
    QUOTA = 6
    DEADLINE = 7
    CANCELLED = 130
    TERMINATED = 143


MEANINGS = {
    Exit.DONE: "done",
    Exit.INTERNAL: "internal error of the server or the command",
    Exit.USAGE: "wrong usage: options, or a malformed URL",
    Exit.MEDIA: "the recording: not found, unreadable, no audio, changed, host down",
    Exit.ACCESS: "access is denied: to the recording, or to the server for want of a token",
    Exit.UNAVAILABLE: "the server cannot be reached or lacks a part, or the local stack failed",
    Exit.QUOTA: "over quota, or the server's queue is full",
    Exit.DEADLINE: "not finished within --timeout",
    Exit.CANCELLED: "cancelled by Ctrl-C",
    Exit.TERMINATED: "ended by SIGTERM",
}

_BY_REASON = {
    Reason.UNAUTHENTICATED: Exit.ACCESS,
    Reason.MEDIA_URL_INVALID: Exit.USAGE,
    Reason.MEDIA_URL_FORBIDDEN: Exit.ACCESS,
    Reason.MEDIA_HEADERS_INVALID: Exit.USAGE,
    Reason.OPTION_OUT_OF_RANGE: Exit.USAGE,
    Reason.MEDIA_NOT_FOUND: Exit.MEDIA,
    Reason.MEDIA_ACCESS_DENIED: Exit.ACCESS,
    Reason.MEDIA_RANGE_UNSUPPORTED: Exit.MEDIA,
    Reason.MEDIA_NO_AUDIO: Exit.MEDIA,
    Reason.MEDIA_UNREADABLE: Exit.MEDIA,
    Reason.MEDIA_CHANGED: Exit.MEDIA,
    Reason.MEDIA_TRUNCATED: Exit.MEDIA,
    Reason.MEDIA_HOST_UNAVAILABLE: Exit.MEDIA,
    Reason.MEDIA_HOST_UNTRUSTED: Exit.MEDIA,
    Reason.SPLITTERS_UNAVAILABLE: Exit.UNAVAILABLE,
    Reason.INFERENCE_UNAVAILABLE: Exit.UNAVAILABLE,
    Reason.QUEUE_FULL: Exit.QUOTA,
    Reason.DEADLINE_EXCEEDED: Exit.DEADLINE,
    Reason.SHUTTING_DOWN: Exit.UNAVAILABLE,
    Reason.INTERNAL: Exit.INTERNAL,
}

# For errors that carry no reason this client knows.
_BY_CODE = {
    grpc.StatusCode.INVALID_ARGUMENT: Exit.USAGE,
    grpc.StatusCode.OUT_OF_RANGE: Exit.USAGE,
    grpc.StatusCode.NOT_FOUND: Exit.MEDIA,
    grpc.StatusCode.FAILED_PRECONDITION: Exit.MEDIA,
    grpc.StatusCode.ABORTED: Exit.MEDIA,
    grpc.StatusCode.DATA_LOSS: Exit.MEDIA,
    grpc.StatusCode.PERMISSION_DENIED: Exit.ACCESS,
    grpc.StatusCode.UNAUTHENTICATED: Exit.ACCESS,
    grpc.StatusCode.UNAVAILABLE: Exit.UNAVAILABLE,
    grpc.StatusCode.UNIMPLEMENTED: Exit.UNAVAILABLE,
    grpc.StatusCode.RESOURCE_EXHAUSTED: Exit.QUOTA,
    grpc.StatusCode.DEADLINE_EXCEEDED: Exit.DEADLINE,
}


def exit_of(error: TranscriptionError) -> Exit:
    """Return the exit code that tells this failure."""
    if error.reason in Reason.__members__:
        return _BY_REASON[Reason(error.reason)]
    return _BY_CODE.get(error.code, Exit.INTERNAL)


def exit_table() -> str:
    """List all codes with their meanings, a line each, for `--help`."""
    return "\n".join(f"{code.value:>5}  {meaning}" for code, meaning in MEANINGS.items())
