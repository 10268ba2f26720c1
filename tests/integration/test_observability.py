"""What operators see of every service: health, reflection, metrics, logs, exit codes."""

import os
import signal
import socket
from contextlib import aclosing
from pathlib import Path

import pytest
from grpc import aio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from fanscribe.client import Client, Options, Plan, Progress, TranscriptionError
from fanscribe.client.local_stack import LocalStack
from fanscribe.client.service_process import ServiceProcess
from fanscribe.runtime.errors import Reason
from tests.support.metrics import Page, scrape
from tests.support.polling import eventually
from tests.support.processes import log_records, run_module
from tests.support.range_server import RangeServer
from tests.support.speech import Recording
from tests.support.stack import metrics_of, orchestrator, service, splitters

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
TRANSCRIBER, SPLITTER = "fanscribe.v1.Transcriber", "fanscribe.v1.Splitter"
HEALTH = "grpc.health.v1.Health"


async def test_a_splitter_is_ready_whenever_triton_is(tmp_path: Path) -> None:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    async with splitters(1, f"127.0.0.1:{port}", tmp_path) as (splitter,):
        for name in ("", SPLITTER):
            assert await health(splitter, name) == NOT_SERVING
        async with service("inference", tmp_path, model="stand-in", port=port) as triton:
            await becomes(splitter, SPLITTER, SERVING)
            await triton.kill()
            await becomes(splitter, SPLITTER, NOT_SERVING)


async def test_a_splitter_that_drains_wants_no_traffic(
    stand_in: ServiceProcess, ten_hours_url: str, tmp_path: Path
) -> None:
    async with (
        splitters(1, stand_in.address, tmp_path, drain_s=60) as hands,
        orchestrator(hands, tmp_path) as running,
        Client(running.address) as client,
    ):
        await becomes(hands[0], SPLITTER, SERVING)
        async with aclosing(client.transcribe(ten_hours_url)) as job:
            await anext(event async for event in job if is_running(event))
            os.kill(hands[0].pid, signal.SIGTERM)
            await becomes(hands[0], SPLITTER, NOT_SERVING)
        assert await hands[0].wait() == 0


async def test_an_orchestrator_that_drains_wants_no_traffic(
    stand_in: ServiceProcess, ten_hours_url: str, tmp_path: Path
) -> None:
    async with (
        splitters(1, stand_in.address, tmp_path) as hands,
        orchestrator(hands, tmp_path, drain_s=60) as running,
        Client(running.address) as client,
        aclosing(client.transcribe(ten_hours_url)) as job,
        aio.insecure_channel(running.address) as channel,
    ):
        await anext(job)
        request = health_pb2.HealthCheckRequest(service=TRANSCRIBER)
        watch = health_pb2_grpc.HealthStub(channel).Watch(request, timeout=30)
        assert (await watch.read()).status == SERVING
        os.kill(running.orchestrator.pid, signal.SIGTERM)
        assert (await watch.read()).status == NOT_SERVING
        assert await health(running.orchestrator, TRANSCRIBER) == NOT_SERVING
        with pytest.raises(TranscriptionError) as refused:
            await client.transcript(ten_hours_url)
        assert refused.value.reason == Reason.SHUTTING_DOWN
        await anext(job)  # it goes on
        await job.aclose()
        assert await running.orchestrator.wait() == 0


async def test_health_is_told_of_each_service_and_of_the_whole(stack: LocalStack) -> None:
    for name in ("", TRANSCRIBER):
        assert await health(stack.orchestrator, name) == SERVING
    for name in ("", SPLITTER):
        assert await health(stack.splitters[0], name) == SERVING


async def test_reflection_lists_the_services(stack: LocalStack) -> None:
    assert {TRANSCRIBER, HEALTH} <= await reflected(stack.orchestrator)
    assert {SPLITTER, HEALTH} <= await reflected(stack.splitters[0])


async def test_metrics_follow_the_backlog_up_and_back_to_nothing(
    stack: LocalStack, speech_url: str, tmp_path: Path
) -> None:
    options = Options(macro_chunk_size_sec=30)
    pages: list[Page] = []
    async with (
        orchestrator(stack.splitters[:1], tmp_path) as running,
        Client(running.address) as client,
        aclosing(client.transcribe(speech_url, options)) as job,
    ):
        async for event in job:
            if isinstance(event, Progress):
                pages.append(await metrics_of(running.orchestrator))
                duration_s, chunks = event.duration_ms / 1000, event.macro_chunks
        last = await metrics_of(running.orchestrator)

    # One splitter with two slots: the rest must wait.
    assert highest(pages, "fanscribe_backlog_chunks", state="running") == 2
    assert highest(pages, "fanscribe_backlog_chunks", state="queued") >= chunks - 3
    for state in ("running", "queued"):
        audio_s = highest(pages, "fanscribe_backlog_audio_seconds", state=state)
        # All of it, before the splitter is connected; and events tell whole milliseconds.
        assert 0 < audio_s < duration_s + 0.001
    assert highest(pages, "fanscribe_jobs_active") == 1
    for name in ("backlog_chunks", "backlog_audio_seconds", "jobs_active"):
        assert last.total(f"fanscribe_{name}") == 0
    assert last.total("fanscribe_audio_seconds_total") == pytest.approx(duration_s, abs=0.1)
    assert last.total("fanscribe_jobs_total", reason="OK") == 1
    assert last.total("fanscribe_chunk_attempts_total", outcome="done") == chunks
    assert last.total("fanscribe_stage_seconds_count", stage="first_text") == 1


async def test_metrics_of_splitters_and_triton_tell_their_work(
    stack: LocalStack, client: Client, clips: list[Recording], media_host: RangeServer
) -> None:
    await client.transcript(media_host.url(clips[0].path.name))
    pages = [await metrics_of(splitter) for splitter in stack.splitters]
    for name in (
        "splitter_macro_chunks_total",
        "splitter_micro_chunks_total",
        "splitter_audio_seconds_total",
        "splitter_fetched_bytes_total",
        "splitter_macro_chunk_seconds_count",
        "splitter_inference_seconds_count",
    ):
        assert sum(page.total(f"fanscribe_{name}") for page in pages) > 0, name
    assert all(page.total("fanscribe_splitter_slots") == 2 for page in pages)
    page = await scrape(stack.inference.metrics_address)
    assert page.total("nv_inference_count_total", model="whisper") > 0


async def test_refused_calls_are_counted_by_reason(tmp_path: Path) -> None:
    async with (
        orchestrator([], tmp_path) as running,
        Client(running.address) as client,
    ):
        for options, headers in ((Options(language="english"), {}), (Options(), {"Host": "x"})):
            with pytest.raises(TranscriptionError):
                await client.transcript("http://127.0.0.1/", options, media_headers=headers)
        page = await metrics_of(running.orchestrator)
    for reason in ("OPTION_OUT_OF_RANGE", "MEDIA_HEADERS_INVALID"):
        assert page.total("fanscribe_jobs_total", reason=reason) == 1


async def test_splitters_log_each_chunk_they_have_done(
    stand_in: ServiceProcess, clips: list[Recording], media_host: RangeServer, tmp_path: Path
) -> None:
    async with (
        splitters(1, stand_in.address, tmp_path) as hands,
        orchestrator(hands, tmp_path) as running,
        Client(running.address) as client,
    ):
        transcript = await client.transcript(media_host.url(clips[0].path.name))
        log = log_records(hands[0].log_path)
    (done,) = [line for line in log if line["message"] == "macro chunk done"]
    assert (done["job_id"], done["chunk"]) == (transcript.plan.job_id, 0)
    assert (done["level"], done["attempt"]) == ("info", 1)
    assert done["audio_s"] * 1000 == pytest.approx(transcript.completed.input_duration_ms, abs=1)
    assert done["elapsed_s"] > 0
    assert 0 < done["bytes_fetched"] <= transcript.completed.bytes_fetched


async def test_logs_are_json_and_name_job_and_chunk(
    stack: LocalStack, clips: list[Recording], media_host: RangeServer, tmp_path: Path
) -> None:
    # A language that the weights do not know makes the first chunk fail.
    german = Options(language="de")
    async with (
        splitters(1, stack.inference.address, tmp_path) as hands,
        orchestrator(hands, tmp_path) as running,
        Client(running.address) as client,
        aclosing(client.transcribe(media_host.url(clips[0].path.name), german)) as job,
    ):
        plan = await anext(job)
        assert isinstance(plan, Plan)
        with pytest.raises(TranscriptionError):
            _ = [event async for event in job]
        logs = {one.name: log_records(one.log_path) for one in (running.orchestrator, *hands)}
    begun, failed_attempt, failed = [line for line in logs["orchestrator"] if "job_id" in line]
    assert begun["message"] == "job begins"
    assert failed_attempt["chunk"] == 0
    assert {plan.job_id} == {line["job_id"] for line in (begun, failed_attempt, failed)}
    of_chunk = [line for line in logs["splitter-1"] if "chunk" in line]
    assert of_chunk
    assert all((line["job_id"], line["chunk"]) == (plan.job_id, 0) for line in of_chunk)
    for name, lines in logs.items():
        assert {line["service"] for line in lines} == {name.partition("-")[0]}
        assert all({"time", "level", "logger", "message"} <= line.keys() for line in lines)


async def test_the_log_of_inference_is_json(stand_in: ServiceProcess) -> None:
    assert any(line["message"] == "serving" for line in log_records(stand_in.log_path))


@pytest.mark.parametrize(
    ("kind", "variable", "value"),
    [
        ("orchestrator", "FANSCRIBE_SPLITTERS", "nowhere"),
        ("splitter", "FANSCRIBE_SLOTS", "0"),
        ("inference", "FANSCRIBE_MAX_BATCH_SIZE", "0"),
    ],
)
async def test_a_bad_setting_stops_a_service_by_name(kind: str, variable: str, value: str) -> None:
    ended = await run_module(f"fanscribe.{kind}", {variable: value})
    assert ended.status == 78
    assert variable in ended.stderr
    assert value in ended.stderr


def is_running(event: object) -> bool:
    return isinstance(event, Progress) and event.macro_chunks_running > 0


def highest(pages: list[Page], name: str, **labels: str) -> float:
    return max(page.total(name, **labels) for page in pages)


async def health(process: ServiceProcess, name: str) -> int:
    async with aio.insecure_channel(process.address) as channel:
        request = health_pb2.HealthCheckRequest(service=name)
        answer = await health_pb2_grpc.HealthStub(channel).Check(request, timeout=10)
    return int(answer.status)


async def becomes(process: ServiceProcess, name: str, status: int) -> None:
    async def reached() -> bool:
        return await health(process, name) == status

    await eventually(reached, f"health of {process.name} becomes {status}", deadline_s=30)


async def reflected(process: ServiceProcess) -> set[str]:
    async with aio.insecure_channel(process.address) as channel:
        stub = reflection_pb2_grpc.ServerReflectionStub(channel)
        request = reflection_pb2.ServerReflectionRequest(list_services="")
        answer = await stub.ServerReflectionInfo(iter([request]), timeout=10).read()
    return {service.name for service in answer.list_services_response.service}
