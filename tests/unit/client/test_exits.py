"""Failures of a transcription as exit codes."""

import grpc
import pytest

from fanscribe.client.errors import TranscriptionError
from fanscribe.client.exits import MEANINGS, Exit, exit_of, exit_table
from fanscribe.runtime.errors import Reason
from fanscribe.runtime.statuses import code_of


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_has_a_code_of_its_own_kind(reason: Reason) -> None:
    code = exit_of(TranscriptionError(reason, "message", code_of(reason)))
    assert code not in (Exit.DONE, Exit.CANCELLED, Exit.TERMINATED)
    assert (code is Exit.INTERNAL) == (reason is Reason.INTERNAL)


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        (Reason.OPTION_OUT_OF_RANGE, 2),
        (Reason.MEDIA_URL_INVALID, 2),
        (Reason.MEDIA_NOT_FOUND, 3),
        (Reason.MEDIA_HOST_UNAVAILABLE, 3),
        (Reason.MEDIA_URL_FORBIDDEN, 4),
        (Reason.SPLITTERS_UNAVAILABLE, 5),
        (Reason.QUEUE_FULL, 6),
        (Reason.DEADLINE_EXCEEDED, 7),
    ],
)
def test_what_scripts_rely_on(reason: Reason, code: int) -> None:
    assert exit_of(TranscriptionError(reason, "message", code_of(reason))) == code


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (grpc.StatusCode.UNAVAILABLE, Exit.UNAVAILABLE),
        (grpc.StatusCode.DEADLINE_EXCEEDED, Exit.DEADLINE),
        (grpc.StatusCode.UNAUTHENTICATED, Exit.ACCESS),
        (grpc.StatusCode.UNKNOWN, Exit.INTERNAL),
    ],
)
def test_an_unknown_reason_falls_back_to_the_status(status: grpc.StatusCode, code: Exit) -> None:
    assert exit_of(TranscriptionError("A_REASON_OF_TOMORROW", "message", status)) is code


def test_the_table_tells_every_code() -> None:
    assert set(MEANINGS) == set(Exit)
    assert len(exit_table().splitlines()) == len(Exit)
