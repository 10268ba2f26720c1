"""The simulation of scaling: it asks what the chart asks, and counts as KEDA and the HPA do."""

from dataclasses import replace
from random import Random

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge

from benchmarks.simulation.autoscaling import Hpa
from benchmarks.simulation.chart import Chart, Direction, Policy, evaluate, read
from benchmarks.simulation.clock import VirtualClock
from benchmarks.simulation.fleet import Fleet, StartUp
from benchmarks.simulation.prometheus import Prometheus
from benchmarks.simulation.scenarios import one_recording, poisson, without
from benchmarks.simulation.world import Assumptions, Fixed, World

SELECTOR = '{namespace="speech",app_kubernetes_io_instance="demo"}'
TRITON_SELECTOR = '{model="whisper",namespace="speech",app_kubernetes_io_instance="demo"}'
HOUR_S = 3600


@pytest.fixture(scope="module")
def gpu() -> Chart:
    return read("gpu")


# What is read of the chart; tests/chart holds the renders against helm's


def test_the_formulas_are_the_charts(gpu: Chart) -> None:
    assert gpu.inference.formula == "1000 * max(audio / 12000, done / 140, waiting / 256)"
    assert read("keda").inference.formula == "1000 * max(audio / 2400, done / 14, waiting / 64)"
    assert [(one.name, one.query) for one in gpu.inference.triggers] == [
        ("audio", f"sum(fanscribe_backlog_audio_seconds{SELECTOR})"),
        ("done", f"sum(rate(fanscribe_audio_seconds_total{SELECTOR}[5m])) or vector(0)"),
        (
            "waiting",
            f"sum(rate(nv_inference_queue_duration_us{TRITON_SELECTOR}[1m])) / 1e6 or vector(0)",
        ),
    ]
    assert [(one.query, one.threshold) for one in gpu.splitter.triggers] == [
        (f"sum(fanscribe_backlog_chunks{SELECTOR})", gpu.splitter_settings.slots)
    ]


def test_the_simulated_gpu_is_as_fast_as_the_chart_believes(gpu: Chart) -> None:
    assert evaluate(
        gpu.inference.formula, {"audio": 60 * Assumptions().throughput, "done": 0, "waiting": 0}
    ) == pytest.approx(gpu.inference.target)


@pytest.mark.parametrize("formula", ["audio + 2", "min(audio, 1)", "audio if audio else 1", "f(1)"])
def test_a_formula_that_is_not_known_is_refused(formula: str) -> None:
    with pytest.raises(ValueError, match="does not know this formula"):
        evaluate(formula, {"audio": 1})


@pytest.mark.parametrize("name", ["gpu", "keda"])
def test_what_splitters_have_on_the_way_is_done_in_time_by_one_replica(name: str) -> None:
    chart = read(name)
    settings = chart.splitter_settings
    (audio,) = (one.threshold for one in chart.inference.triggers if one.name == "done")
    throughput = audio / 0.7
    windows = chart.splitter.most * settings.inference_in_flight
    seconds = windows * chart.orchestrator_settings.micro_chunk_size_sec / throughput
    assert seconds < settings.inference_timeout_s


# Prometheus


def test_answers_are_as_old_as_the_last_scrape() -> None:
    clock, registry = VirtualClock(), CollectorRegistry()
    backlog = Gauge("backlog", "", ["state"], registry=registry)
    prometheus = Prometheus(clock, registry, dict, scrape_s=5)
    backlog.labels("queued").set(3)
    backlog.labels("running").set(4)
    assert prometheus.ask('sum(backlog{namespace="speech"})') == 0
    clock.run(until_s=3)
    backlog.labels("queued").set(0)
    assert prometheus.ask('sum(backlog{namespace="speech"})') == 7
    clock.run(until_s=8)
    assert prometheus.ask('sum(backlog{namespace="speech"})') == 4


def test_a_rate_is_that_of_all_series() -> None:
    clock, registry = VirtualClock(), CollectorRegistry()
    done = Counter("done", "", registry=registry)
    waited = {"a": 0.0, "b": 0.0}
    prometheus = Prometheus(clock, registry, lambda: waited, scrape_s=5)

    def work() -> None:
        done.inc(50)
        waited["a"] += 1e6
        waited["b"] += 3e6

    clock.every(1, work, first_s=1)
    clock.run(until_s=400)
    assert prometheus.ask("sum(rate(done_total{}[5m])) or vector(0)") == pytest.approx(50)
    waiting = prometheus.ask("sum(rate(nv_inference_queue_duration_us{}[1m])) / 1e6 or vector(0)")
    assert waiting == pytest.approx(4)


def test_a_query_that_is_not_known_is_refused() -> None:
    prometheus = Prometheus(VirtualClock(), CollectorRegistry(), dict, scrape_s=5)
    with pytest.raises(ValueError, match="does not know this query"):
        prometheus.ask("avg(fanscribe_backlog_chunks{})")


# The HPA


def _hpa(gpu: Chart, **changes: object) -> Hpa:
    return Hpa(replace(gpu.inference, **changes))  # type: ignore[arg-type]


def test_replicas_grow_by_the_larger_policy(gpu: Chart) -> None:
    hpa = _hpa(gpu, most=64)
    assert hpa.step(0, 1, [(50, 1)]) == 9  # eight pods are more than 400 %
    assert hpa.step(15, 9, [(50, 1)]) == 45  # 400 % are more than eight pods
    assert hpa.step(30, 45, [(90, 1)]) == 64


def test_a_tenth_more_or_less_changes_nothing(gpu: Chart) -> None:
    assert _hpa(gpu).step(0, 10, [(10.9, 1)]) == 10
    assert _hpa(gpu).step(0, 10, [(11.1, 1)]) == 12


def test_replicas_go_once_none_were_wanted_for_the_whole_window(gpu: Chart) -> None:
    hpa = _hpa(gpu)
    assert hpa.step(0, 8, [(8, 1)]) == 8
    assert hpa.step(170, 8, [(0, 1)]) == 8
    assert hpa.step(185, 8, [(0, 1)]) == 4  # half of them, no more in this minute
    assert hpa.step(200, 4, [(0, 1)]) == 4
    assert hpa.step(250, 4, [(0, 1)]) == 2


def test_a_window_upwards_waits_for_all_of_it(gpu: Chart) -> None:
    hpa = _hpa(gpu, up=Direction(60, (Policy("Pods", 8, 15),)))
    assert hpa.step(0, 2, [(2, 1)]) == 2
    assert hpa.step(30, 2, [(6, 1)]) == 2
    assert hpa.step(61, 2, [(7, 1)]) == 6


# Fleets


def test_a_fleet_pays_for_nodes_until_they_are_given_back() -> None:
    clock, ready = VirtualClock(), list[str]()
    fleet = Fleet(
        clock,
        Random(1),
        "pod",
        StartUp(node_s=90, pod_s=10, node_idle_s=600, spread=0),
        ready=ready.append,
        leave=lambda _, left: left(),
    )
    fleet.scale(1)
    clock.run(until_s=99)
    assert not ready
    clock.run(until_s=200)
    assert ready == ["pod-1"]
    fleet.scale(0)
    clock.run(until_s=300)
    fleet.scale(1)  # the node is still there
    clock.run(until_s=310)
    assert ready == ["pod-1", "pod-2"]
    fleet.scale(0)
    clock.run(until_s=2000)
    use = fleet.count()
    assert use.pod_s == pytest.approx(200 + 10)
    assert use.node_s == pytest.approx(310 + 600)


# The whole


def test_a_fleet_that_is_there_takes_as_long_as_its_audio(gpu: Chart) -> None:
    one = one_recording(gpu, fixed=Fixed(1, 32))
    assert one.done_s == pytest.approx(36_000 / Assumptions().throughput, rel=0.05)
    assert one.attempts_failed == one.jobs_failed == 0


def test_from_nothing_it_takes_a_nodes_start_more(gpu: Chart) -> None:
    one = one_recording(gpu)
    assert 90 + 35 < one.done_s < 300
    assert one.gpus <= gpu.inference.most
    # It ends with no replica: what there was, was paid until then and no longer.
    assert one.replica_s < one.gpus * (one.done_s + 1200)


def test_the_same_seed_gives_the_same_numbers(gpu: Chart) -> None:
    assert one_recording(gpu) == one_recording(gpu)


def test_all_audio_is_done_once_whoever_comes_and_goes(gpu: Chart) -> None:
    arrivals = poisson(2, Assumptions().throughput, [(0, 0.4)])
    outcome = World(gpu, replace(Assumptions(), window_s=60)).run(
        arrivals, until_s=2 * HOUR_S, to_the_last=True
    )
    assert not [job.failure for job in outcome.jobs if job.failure]
    for job in outcome.jobs:
        assert job.ledger.done_samples == job.ledger.duration_samples
        assert job.ledger.complete


def test_leaving_a_term_out_needs_it_to_be_there(gpu: Chart) -> None:
    assert without(gpu, "done").inference.formula == "1000 * max(audio / 12000, waiting / 256)"
    with pytest.raises(ValueError, match="not one of"):
        without(gpu, "nonsense")
