"""Asks every address given until it is ready, for two minutes at most, then exits with 1.

host:port is asked by grpc.health.v1, http://host:port/path by a GET that must answer 200. Where
TLS_NAME says which name gRPC servers have, they are asked by TLS: checked by ca.crt in TLS_FOLDER,
or by public authorities if there is none, and shown tls.crt, if there is one.
"""

import http.client
import os
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

READY = "ready"
PATIENCE_S = 120


def content(name):
    """Bytes of a file in TLS_FOLDER; None if there is none."""
    file = Path(os.environ["TLS_FOLDER"], name)
    return file.read_bytes() if file.exists() else None


def channel_to(address):
    """A channel, by TLS or in plain text."""
    server_name = os.environ.get("TLS_NAME")
    if not server_name:
        return grpc.insecure_channel(address)
    credentials = grpc.ssl_channel_credentials(
        content("ca.crt"), content("tls.key"), content("tls.crt")
    )
    options = [("grpc.ssl_target_name_override", server_name)]
    return grpc.secure_channel(address, credentials, options)


def state_of(address):
    """READY, or what is the matter."""
    if address.startswith("http://"):
        return state_by_http(urlsplit(address))
    with channel_to(address) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        try:
            answer = stub.Check(health_pb2.HealthCheckRequest(), timeout=5)
        except grpc.RpcError as error:
            return f"{error.code().name}: {error.details()}"
    name = health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)
    return READY if name == "SERVING" else name


def state_by_http(url):
    """The same, by HTTP."""
    connection = http.client.HTTPConnection(url.netloc, timeout=5)
    try:
        connection.request("GET", url.path)
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return str(error)
    finally:
        connection.close()
    return READY if status == http.client.OK else f"HTTP status {status}"


give_up = time.monotonic() + PATIENCE_S
for address in sys.argv[1:]:
    while (state := state_of(address)) != READY:
        if time.monotonic() > give_up:
            sys.exit(f"{address}: {state}")
        time.sleep(2)
    print(f"{address}: {READY}", flush=True)
