"""Domain errors as gRPC statuses and back: one table, one interceptor."""

import inspect
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Any

import grpc
from google.protobuf import any_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc import aio
from grpc_status import rpc_status

from fanscribe.runtime.errors import FanscribeError, Reason, domain_error

_log = logging.getLogger(__name__)

DOMAIN = "fanscribe"

_CODES: dict[Reason, grpc.StatusCode] = {
    Reason.MEDIA_URL_INVALID: grpc.StatusCode.INVALID_ARGUMENT,
    Reason.MEDIA_URL_FORBIDDEN: grpc.StatusCode.INVALID_ARGUMENT,
    Reason.MEDIA_HEADERS_INVALID: grpc.StatusCode.INVALID_ARGUMENT,
    Reason.OPTION_OUT_OF_RANGE: grpc.StatusCode.INVALID_ARGUMENT,
    Reason.MEDIA_NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    Reason.MEDIA_ACCESS_DENIED: grpc.StatusCode.PERMISSION_DENIED,
    Reason.MEDIA_RANGE_UNSUPPORTED: grpc.StatusCode.FAILED_PRECONDITION,
    Reason.MEDIA_NO_AUDIO: grpc.StatusCode.FAILED_PRECONDITION,
    Reason.MEDIA_UNREADABLE: grpc.StatusCode.FAILED_PRECONDITION,
    Reason.MEDIA_CHANGED: grpc.StatusCode.ABORTED,
    Reason.MEDIA_TRUNCATED: grpc.StatusCode.DATA_LOSS,
    Reason.MEDIA_HOST_UNAVAILABLE: grpc.StatusCode.UNAVAILABLE,
    Reason.MEDIA_HOST_UNTRUSTED: grpc.StatusCode.FAILED_PRECONDITION,
    Reason.SPLITTERS_UNAVAILABLE: grpc.StatusCode.UNAVAILABLE,
    Reason.INFERENCE_UNAVAILABLE: grpc.StatusCode.UNAVAILABLE,
    Reason.QUEUE_FULL: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Reason.DEADLINE_EXCEEDED: grpc.StatusCode.DEADLINE_EXCEEDED,
    Reason.SHUTTING_DOWN: grpc.StatusCode.UNAVAILABLE,
    Reason.UNAUTHENTICATED: grpc.StatusCode.UNAUTHENTICATED,
    Reason.INTERNAL: grpc.StatusCode.INTERNAL,
}


def code_of(reason: Reason) -> grpc.StatusCode:
    """Return the gRPC status code that a reason is told with."""
    return _CODES[reason]


def error_of(rpc_error: grpc.RpcError) -> FanscribeError | None:
    """Read the domain error out of a failed call; None if its details hold none of ours."""
    status = rpc_status.from_call(rpc_error)
    for detail in status.details if status else ():
        info = error_details_pb2.ErrorInfo()
        if detail.Unpack(info) and info.domain == DOMAIN and info.reason in Reason.__members__:
            return FanscribeError(Reason(info.reason), status.message)
    return None


async def abort(context: aio.ServicerContext[Any, Any], error: FanscribeError) -> None:
    """End a call with the status that tells `error`. Raises what ends it."""
    detail = any_pb2.Any()
    detail.Pack(error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN))
    code = code_of(error.reason)
    status = status_pb2.Status(
        code=code_pb2.Code.Value(code.name), message=error.message, details=[detail]
    )
    # What grpc_status.rpc_status.to_status makes; that helper is for the blocking API.
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    await context.abort(code, error.message)


class StatusInterceptor(aio.ServerInterceptor):
    """Ends calls that raise with the status of what they raised.

    The unknown becomes INTERNAL and is logged once, with nothing internal in the message. Only
    calls that generate a stream of responses are wrapped: all of fanscribe's own are. (Health's
    Watch is a coroutine that writes them.)
    """

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """Wrap the method's handler."""
        handler = await continuation(handler_call_details)
        if handler is None or not handler.response_streaming:
            return handler
        behaviour = handler.stream_stream or handler.unary_stream
        if inspect.iscoroutinefunction(behaviour):
            return handler
        wrap = (
            grpc.stream_stream_rpc_method_handler
            if handler.request_streaming
            else grpc.unary_stream_rpc_method_handler
        )
        return wrap(
            _guarded(behaviour),
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )


def _guarded(
    behaviour: Callable[..., AsyncGenerator[Any, None]],
) -> Callable[..., AsyncGenerator[Any, None]]:
    async def call(
        request: Any, context: aio.ServicerContext[Any, Any]
    ) -> AsyncGenerator[Any, None]:
        try:
            async with aclosing(behaviour(request, context)) as responses:
                async for response in responses:
                    yield response
        except (FanscribeError, TimeoutError, ExceptionGroup) as error:
            known = domain_error(error)
            if known is None:
                known = _unknown(error)
            elif known.reason is Reason.INTERNAL:
                _log.error("call failed: %s", known.message)
            await abort(context, known)
        except aio.AbortError:
            raise
        except Exception as error:  # noqa: BLE001  the last resort of every call
            await abort(context, _unknown(error))

    return call


def _unknown(error: Exception) -> FanscribeError:
    _log.error("call failed in a way nobody foresaw", exc_info=error)
    return FanscribeError(Reason.INTERNAL, "internal error; the server's log tells more")
