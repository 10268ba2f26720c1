# Asks every address given whether it is ready, for two minutes: host:port by grpc.health.v1,
# http://... by a GET that must answer 200.
import sys
import time
import urllib.error
import urllib.request


def state(address):
    if address.startswith("http://"):
        try:
            with urllib.request.urlopen(address, timeout=5) as answer:
                return "SERVING" if answer.status == 200 else str(answer.status)
        except (urllib.error.URLError, OSError) as error:
            return str(error)
    import grpc
    from grpc_health.v1 import health_pb2, health_pb2_grpc

    with grpc.insecure_channel(address) as channel:
        try:
            request = health_pb2.HealthCheckRequest()
            answer = health_pb2_grpc.HealthStub(channel).Check(request, timeout=5)
        except grpc.RpcError as error:
            return error.code().name
        return health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)


give_up = time.monotonic() + 120
for address in sys.argv[1:]:
    while (found := state(address)) != "SERVING":
        if time.monotonic() > give_up:
            sys.exit(f"{address}: {found}")
        time.sleep(2)
    print(f"{address}: SERVING", flush=True)
