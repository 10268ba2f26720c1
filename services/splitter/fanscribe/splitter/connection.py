"""How Triton is reached: by one connection, until another is the better one."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

import grpc
import tritonclient.grpc.aio as triton
from tritonclient.utils import InferenceServerException

from fanscribe.runtime.channels import CHANNEL_OPTIONS
from fanscribe.runtime.tls import ClientCredentials
from fanscribe.splitter.settings import SplitterSettings

# gRPC looks a name that had no address up again after 1 s, 1.6 s, ... 120 s. A new connection looks
# at once; five seconds are as long as a cluster's DNS keeps that there is none.
PATIENCE_S: Final = 5.0
# With addresses it looks again when a connection ends, which Triton sees to, so that new replicas
# are found; but not twice in 30 s, unless it is told otherwise.
LOOKS_APART_S: Final = 5.0


@dataclass(eq=False)
class _Channel:
    """A client of Triton, and with what it was made."""

    client: triton.InferenceServerClient
    credentials: grpc.ChannelCredentials | None
    calls: int = 0  # that run on it
    lost_s: float | None = None  # since when no call reached Triton, by the monotonic clock

    @property
    def hopeless(self) -> bool:
        """Whether it has not reached Triton for so long that another might."""
        return self.lost_s is not None and time.monotonic() - self.lost_s >= PATIENCE_S


class Connection:
    """The connection to Triton. An async context manager.

    Where its certificate is renewed, or Triton cannot be reached for some seconds, the next call
    opens another channel; the old one goes when its last call has ended.
    """

    def __init__(self, settings: SplitterSettings) -> None:
        self._address = settings.inference_address
        tls = settings.inference_tls
        self._credentials = ClientCredentials(tls) if tls else None

    async def __aenter__(self) -> Self:
        """Open it; nothing is sent yet."""
        self._channel = self._open(self._current_credentials())
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close it; what runs on it is cancelled on Triton."""
        await self._channel.client.close()

    @asynccontextmanager
    async def client(self) -> AsyncIterator[triton.InferenceServerClient]:
        """Lend a client for one call."""
        credentials = self._current_credentials()
        if credentials is not self._channel.credentials or self._channel.hopeless:
            retired, self._channel = self._channel, self._open(credentials)
            await _close_if_idle(retired)
        channel = self._channel
        channel.calls += 1
        try:
            yield channel.client
            channel.lost_s = None
        except InferenceServerException as error:
            if channel.lost_s is None and status_of(error) == "UNAVAILABLE":
                channel.lost_s = time.monotonic()
            raise
        finally:
            channel.calls -= 1
            if channel is not self._channel:
                await _close_if_idle(channel)

    def _current_credentials(self) -> grpc.ChannelCredentials | None:
        return self._credentials.current() if self._credentials else None

    def _open(self, credentials: grpc.ChannelCredentials | None) -> _Channel:
        options = [
            *CHANNEL_OPTIONS,
            # A name of several addresses is several Tritons, and they share the work.
            ("grpc.lb_policy_name", "round_robin"),
            ("grpc.dns_min_time_between_resolutions_ms", int(1000 * LOOKS_APART_S)),
        ]
        if self._credentials is not None:
            options.extend(self._credentials.channel_options)
        client = triton.InferenceServerClient(
            self._address, creds=credentials, channel_args=options
        )
        return _Channel(client, credentials)


def status_of(error: InferenceServerException) -> str:
    """Return the name of a gRPC status: UNAVAILABLE, say."""
    return str(error.status() or "").removeprefix("StatusCode.")


async def _close_if_idle(channel: _Channel) -> None:
    if not channel.calls:
        await channel.client.close()
