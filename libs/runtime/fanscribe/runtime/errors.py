"""The errors fanscribe knows, told apart by reason.

A failure that a caller can meet is a `FanscribeError`: a reason from the closed list below and a
message fit for the caller's eyes. Anything else that is raised is a bug, and leaves a server as
INTERNAL.
"""

from enum import StrEnum


class Reason(StrEnum):
    """Why something failed; `ErrorInfo.reason` of the public API."""

    # The caller.
    UNAUTHENTICATED = "UNAUTHENTICATED"
    # The request itself.
    MEDIA_URL_INVALID = "MEDIA_URL_INVALID"
    MEDIA_URL_FORBIDDEN = "MEDIA_URL_FORBIDDEN"
    MEDIA_HEADERS_INVALID = "MEDIA_HEADERS_INVALID"
    OPTION_OUT_OF_RANGE = "OPTION_OUT_OF_RANGE"
    # The recording.
    MEDIA_NOT_FOUND = "MEDIA_NOT_FOUND"
    MEDIA_ACCESS_DENIED = "MEDIA_ACCESS_DENIED"
    MEDIA_RANGE_UNSUPPORTED = "MEDIA_RANGE_UNSUPPORTED"
    MEDIA_NO_AUDIO = "MEDIA_NO_AUDIO"
    MEDIA_UNREADABLE = "MEDIA_UNREADABLE"
    MEDIA_CHANGED = "MEDIA_CHANGED"
    MEDIA_TRUNCATED = "MEDIA_TRUNCATED"
    MEDIA_HOST_UNAVAILABLE = "MEDIA_HOST_UNAVAILABLE"
    MEDIA_HOST_UNTRUSTED = "MEDIA_HOST_UNTRUSTED"
    # The system.
    SPLITTERS_UNAVAILABLE = "SPLITTERS_UNAVAILABLE"
    INFERENCE_UNAVAILABLE = "INFERENCE_UNAVAILABLE"
    QUEUE_FULL = "QUEUE_FULL"
    DEADLINE_EXCEEDED = "DEADLINE_EXCEEDED"
    SHUTTING_DOWN = "SHUTTING_DOWN"
    INTERNAL = "INTERNAL"


# Trying again soon may succeed; the other reasons are final.
_PASSING = frozenset(
    {
        Reason.MEDIA_HOST_UNAVAILABLE,
        Reason.MEDIA_TRUNCATED,
        Reason.SPLITTERS_UNAVAILABLE,
        Reason.INFERENCE_UNAVAILABLE,
        Reason.SHUTTING_DOWN,
        Reason.INTERNAL,
    }
)


class FanscribeError(Exception):
    """A failure with a reason. `str()` of it is what the caller reads."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message

    @property
    def retryable(self) -> bool:
        """Whether another attempt may succeed."""
        return self.reason in _PASSING


def domain_error(error: BaseException) -> FanscribeError | None:
    """Find the domain error in what a call or a task group raised; None if there is none.

    A time-out is one: every deadline of ours that may pass without a better explanation is the
    caller's.
    """
    if isinstance(error, FanscribeError):
        return error
    if isinstance(error, BaseExceptionGroup):
        found = (domain_error(inner) for inner in error.exceptions)
        return next((inner for inner in found if inner is not None), None)
    if isinstance(error, TimeoutError):
        return FanscribeError(Reason.DEADLINE_EXCEEDED, "the deadline has passed")
    return None
