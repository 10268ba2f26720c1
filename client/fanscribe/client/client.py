"""The Python client: one call, a stream of events."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from types import TracebackType
from typing import Self

import grpc
from grpc import aio

from fanscribe.client.errors import TranscriptionError, transcription_error
from fanscribe.client.events import Completed, Event, Plan, Segment, Transcript
from fanscribe.client.options import Options
from fanscribe.client.translation import event_of
from fanscribe.runtime.channels import open_channel
from fanscribe.runtime.errors import Reason
from fanscribe.runtime.tls import ClientCredentials, ClientTls
from fanscribe.v1 import transcriber_pb2 as pb
from fanscribe.v1.transcriber_pb2_grpc import TranscriberStub

_NO_HEADERS: Mapping[str, str] = {}


class Client:
    """A connection to an orchestrator at `target` ("host:port"), for any number of calls.

    ::

        async with Client("localhost:50051") as client:
            async for event in client.transcribe("https://example.org/talk.mp3"):
                ...

    `tls` says whom to believe and what to show, where the server speaks TLS; it raises ValueError
    for files that are no good. `token` is for servers that want one.
    """

    def __init__(self, target: str, *, tls: ClientTls | None = None, token: str = "") -> None:
        self._target = target
        self._credentials = ClientCredentials(tls) if tls is not None else None
        self._metadata = (("authorization", f"Bearer {token}"),) if token else ()
        self._channel: aio.Channel | None = None

    async def __aenter__(self) -> Self:
        """Open the channel; the connection itself is made by the first call."""
        self._channel = open_channel(self._target, self._credentials)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the channel; what still runs on it is cancelled."""
        if self._channel is not None:
            channel, self._channel = self._channel, None
            await channel.close()

    async def transcribe(
        self,
        media_url: str,
        options: Options | None = None,
        *,
        media_headers: Mapping[str, str] = _NO_HEADERS,
        timeout_s: float | None = None,
    ) -> AsyncGenerator[Event, None]:
        """Transcribe the recording at `media_url`: a Plan, then Progress and Segments, Completed.

        `media_headers` are sent to the media host with every request, such as {"Authorization":
        "Bearer …"}. Leaving the iteration early cancels the job. `timeout_s` is for all of it, in
        seconds. Raises TranscriptionError.
        """
        if self._channel is None:
            raise RuntimeError("a Client is used inside `async with`")
        request = pb.TranscribeRequest(
            media_url=media_url,
            options=(options or Options()).to_message(),
            media_headers=media_headers,
        )
        call = TranscriberStub(self._channel).Transcribe(
            request, timeout=timeout_s, metadata=self._metadata
        )
        completed = False
        try:
            async for message in call:
                event = event_of(message)
                if event is not None:
                    completed = isinstance(event, Completed)
                    yield event
        except aio.AioRpcError as failure:
            raise transcription_error(failure, self._target, timeout_s) from failure
        except asyncio.CancelledError:
            # gRPC raises this too where the other side cancelled the call.
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            code = grpc.StatusCode.CANCELLED
            raise TranscriptionError(code.name, "the server cancelled the job", code) from None
        finally:
            call.cancel()
        if not completed:
            raise _broken("the server ended the call without completing the job")

    async def transcript(
        self,
        media_url: str,
        options: Options | None = None,
        *,
        media_headers: Mapping[str, str] = _NO_HEADERS,
        timeout_s: float | None = None,
    ) -> Transcript:
        """Transcribe the recording at `media_url` and return all of it at the end.

        Takes and raises what `transcribe` does.
        """
        plan: Plan | None = None
        completed: Completed | None = None
        segments: list[Segment] = []
        stream = self.transcribe(
            media_url, options, media_headers=media_headers, timeout_s=timeout_s
        )
        async with aclosing(stream) as events:
            async for event in events:
                match event:
                    case Plan():
                        plan = event
                    case Segment():
                        segments.append(event)
                    case Completed():
                        completed = event
        if plan is None or completed is None:
            raise _broken("the server sent no plan")
        return Transcript(plan=plan, segments=tuple(segments), completed=completed)


def _broken(message: str) -> TranscriptionError:
    return TranscriptionError(Reason.INTERNAL, message, grpc.StatusCode.INTERNAL)
