"""Connections to Triton's gRPC endpoint: what it is told of them, and when it must be told anew."""

import asyncio
import hashlib
import math
import random
import secrets
from typing import Final

from fanscribe.runtime.reloading import Reloaded
from fanscribe.runtime.tls import ServerTls, check_authorities, check_key_pair

# What runs on a connection that has become too old: more than any window takes.
_GRACE_MS: Final = 300_000
_LOOK_S: Final = 2.0
# All that can be done by HTTP but asking for health and statistics, as Triton names it.
_BY_GRPC_ALONE: Final = (
    "metadata,inference,shared-memory,model-config,model-repository,trace,logging"
)


def connection_arguments(age_s: float) -> list[str]:
    """Arguments of tritonserver for connections that end when they are `age_s` old; 0: never."""
    if not age_s:
        return []
    return [
        f"--grpc-max-connection-age={math.ceil(age_s * 1000)}",
        f"--grpc-max-connection-age-grace={_GRACE_MS}",
    ]


def tls_arguments(tls: ServerTls | None) -> list[str]:
    """Arguments of tritonserver for TLS; none without.

    Triton's HTTP endpoint stays plain text, for probes. Work is to come by gRPC alone then: the
    rest of HTTP asks for a header whose value nobody is told.
    """
    if tls is None:
        return []
    arguments = [
        "--grpc-use-ssl=true",
        f"--grpc-server-cert={tls.cert_file}",
        f"--grpc-server-key={tls.key_file}",
        f"--http-restricted-api={_BY_GRPC_ALONE}:nobody={secrets.token_hex(32)}",
    ]
    if tls.client_ca_file is not None:
        arguments += ["--grpc-use-ssl-mutual=true", f"--grpc-root-cert={tls.client_ca_file}"]
    return arguments


class Renewal:
    """Notices that the certificate is another than it was; Triton reads it only when it starts."""

    def __init__(self, tls: ServerTls) -> None:
        self._tls = tls
        files = (tls.cert_file, tls.key_file, tls.client_ca_file)
        self._digest = Reloaded((file for file in files if file is not None), self._compute)
        self._known = self._digest.current()

    async def wait(self, within_s: float) -> None:
        """Wait for a renewal, and then for a time of this replica's own, at most `within_s`."""
        # Nothing tells of a file that changes.
        while self._digest.current() == self._known:  # noqa: ASYNC110
            await asyncio.sleep(_LOOK_S)
        await asyncio.sleep(random.uniform(0, within_s))  # noqa: S311  no secret
        self._known = self._digest.current()

    def _compute(self) -> bytes:
        tls = self._tls
        check_key_pair(tls.cert_file, tls.key_file)
        digest = hashlib.sha256(tls.cert_file.read_bytes() + tls.key_file.read_bytes())
        if tls.client_ca_file is not None:
            digest.update(check_authorities(tls.client_ca_file).read_bytes())
        return digest.digest()
