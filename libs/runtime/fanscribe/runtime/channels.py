"""gRPC channels between the parts, all made alike."""

from typing import Final

from grpc import aio

from fanscribe.runtime.tls import ClientCredentials

# Nothing fanscribe sends is near it: the largest message is a micro chunk's audio, below 1 MiB.
MESSAGE_LIMIT_BYTES: Final = 4 * 1024 * 1024

# A dead peer is noticed within ~25 s, and connected to again.
CHANNEL_OPTIONS: Final = (
    ("grpc.max_receive_message_length", MESSAGE_LIMIT_BYTES),
    ("grpc.max_send_message_length", MESSAGE_LIMIT_BYTES),
    ("grpc.keepalive_time_ms", 15_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 5_000),
    # One connection for each channel, shared with nobody.
    ("grpc.use_local_subchannel_pool", 1),
)


def open_channel(target: str, credentials: ClientCredentials | None = None) -> aio.Channel:
    """Open a channel with CHANNEL_OPTIONS, in plain text where there are no credentials."""
    if credentials is None:
        return aio.insecure_channel(target, options=list(CHANNEL_OPTIONS))
    options = [*CHANNEL_OPTIONS, *credentials.channel_options]
    return aio.secure_channel(target, credentials.current(), options=options)
