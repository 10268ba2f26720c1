"""A short recording never waits behind the rest of a long one."""

import asyncio
from contextlib import aclosing
from pathlib import Path

from fanscribe.client import Client, Options
from fanscribe.client.local_stack import LocalStack
from fanscribe.client.service_process import ServiceProcess
from tests.support.range_server import RangeServer
from tests.support.speech import Recording
from tests.support.stack import metrics_of, orchestrator, reached, splitters

MANY_CHUNKS = Options(macro_chunk_size_sec=30)


async def test_with_one_slot_in_all_a_short_job_overtakes_a_long_one(
    stack: LocalStack,
    speech_url: str,
    clips: list[Recording],
    media_host: RangeServer,
    tmp_path: Path,
) -> None:
    async with (
        splitters(1, stack.inference.address, tmp_path, slots=1) as hands,
        orchestrator(hands, tmp_path) as cluster,
        Client(cluster.address) as client,
        aclosing(client.transcribe(speech_url, MANY_CHUNKS)) as long_job,
    ):
        await reached(long_job, macro_chunks_done=1)
        rest_of_long_job = asyncio.create_task(reached(long_job, macro_chunks_done=7))
        done_before = await chunks_done(cluster.splitters[0])
        short = await client.transcript(media_host.url(clips[0].path.name), timeout_s=60)
        done = await chunks_done(cluster.splitters[0]) - done_before

        assert not rest_of_long_job.done()
        # The one that ran, one whose turn it may have been, and one begun since.
        assert done - short.completed.macro_chunks <= 3
        await rest_of_long_job


async def chunks_done(splitter: ServiceProcess) -> float:
    page = await metrics_of(splitter)
    return page.total("fanscribe_splitter_macro_chunks_total", outcome="done")
