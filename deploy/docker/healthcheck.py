#!/usr/bin/env python3
"""Asks the gRPC server on this port of localhost whether it is healthy; exits 1 if it is not."""

import sys

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

with grpc.insecure_channel(f"127.0.0.1:{sys.argv[1]}") as channel:
    stub = health_pb2_grpc.HealthStub(channel)
    try:
        answer = stub.Check(health_pb2.HealthCheckRequest(), timeout=4)
    except grpc.RpcError as error:
        sys.exit(error.code().name)
sys.exit(answer.status != health_pb2.HealthCheckResponse.SERVING)
