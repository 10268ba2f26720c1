"""gRPC channels between the parts, all made alike."""

from grpc import aio

# Nothing fanscribe sends is near it: the largest message is one micro chunk's text.
MESSAGE_LIMIT_BYTES = 4 * 1024 * 1024


def open_channel(target: str) -> aio.Channel:
    """Open a channel that notices a dead peer within ~25 s and reconnects by itself."""
    return aio.insecure_channel(
        target,
        options=[
            ("grpc.max_receive_message_length", MESSAGE_LIMIT_BYTES),
            ("grpc.max_send_message_length", MESSAGE_LIMIT_BYTES),
            ("grpc.keepalive_time_ms", 15_000),
            ("grpc.keepalive_timeout_ms", 10_000),
            ("grpc.http2.max_pings_without_data", 0),
            ("grpc.initial_reconnect_backoff_ms", 200),
            ("grpc.max_reconnect_backoff_ms", 5_000),
            # One connection for each channel, shared with nobody.
            ("grpc.use_local_subchannel_pool", 1),
        ],
    )
