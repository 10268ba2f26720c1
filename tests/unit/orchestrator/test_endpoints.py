"""Which endpoints of EndpointSlices are splitters that want work."""

import pytest

from fanscribe.orchestrator.discovery.endpoints import ready_addresses
from tests.support.endpoint_slices import endpoint, endpoint_slice


def test_ready_endpoints_of_all_slices_at_the_named_port() -> None:
    slices = [
        endpoint_slice("a", [endpoint("10.4.1.7", 1), endpoint("10.4.1.8", 2)], 50051),
        endpoint_slice("b", [endpoint("10.4.2.9", 3)], 50052),
        endpoint_slice("c", [endpoint("10.4.2.10", 4)], port_name="http"),
    ]
    assert ready_addresses(slices, "grpc") == {
        "10.4.1.7:50051",
        "10.4.1.8:50051",
        "10.4.2.9:50052",
    }


@pytest.mark.parametrize(
    ("conditions", "wants_work"),
    [
        ({}, True),
        ({"ready": True, "serving": True, "terminating": False}, True),
        ({"ready": None, "serving": None, "terminating": None}, True),
        ({"ready": False, "serving": False, "terminating": False}, False),
        # Ready all the same where the Service publishes pods that are not.
        ({"ready": False, "serving": True, "terminating": True}, False),
        ({"ready": True, "serving": True, "terminating": True}, False),
        ({"ready": True, "serving": False, "terminating": False}, False),
    ],
)
def test_conditions(conditions: dict[str, bool | None], wants_work: bool) -> None:
    one = endpoint_slice("a", [{**endpoint("10.4.1.7"), "conditions": conditions}])
    assert bool(ready_addresses([one], "grpc")) == wants_work


def test_a_service_without_pods_has_nulls() -> None:
    assert ready_addresses([endpoint_slice("a", None)], "grpc") == frozenset()
    assert ready_addresses([endpoint_slice("a", [endpoint("10.4.1.7")], None)], "grpc") == set()


def test_a_pod_of_two_families_counts_once() -> None:
    slices = [
        endpoint_slice(
            "six", [endpoint("fd00::7", 1), endpoint("fd00::8", 2)], address_type="IPv6"
        ),
        endpoint_slice("four", [endpoint("10.4.1.7", 1)]),
    ]
    assert ready_addresses(slices, "grpc") == {"10.4.1.7:50051", "[fd00::8]:50051"}
