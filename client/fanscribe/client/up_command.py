"""`fanscribe up`."""

from pathlib import Path

import click

from fanscribe.client.failures import told_failures
from fanscribe.client.interrupts import run_until_interrupted
from fanscribe.client.local_stack import LocalStack
from fanscribe.client.reporters import Reporter, reporter_for_stderr


@click.command("up")
@click.option(
    "--model",
    default="tiny.en",
    show_default=True,
    help="Whisper model: a size, a folder, or owner/name@revision.",
)
@click.option("--splitters", type=click.IntRange(1, 64), default=2, show_default=True)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=50051,
    show_default=True,
    help="Port of the orchestrator; 0 takes a free one.",
)
@click.option(
    "--log-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for the logs. Default: a new one under $XDG_STATE_HOME/fanscribe.",
)
def up_command(model: str, splitters: int, port: int, log_dir: Path | None) -> None:
    """Run a local stack until Ctrl-C.

    Starts Triton with a Whisper model, splitters and an orchestrator on this machine's loopback
    address, and prints where they are. Exit code 0 when it is stopped, 5 when a part fails.
    """
    with reporter_for_stderr() as reporter, told_failures():
        stack = LocalStack(
            model=model, splitters=splitters, port=port, log_directory=log_dir, tell=reporter.step
        )
        run_until_interrupted(_run(stack, reporter))


async def _run(stack: LocalStack, reporter: Reporter) -> None:
    async with stack:
        for line in _addresses(stack):
            reporter.write(f"{line}\n")
        reporter.step("running; Ctrl-C stops it")
        try:
            await stack.watch(reporter.note)
        finally:
            reporter.step("stopping")


def _addresses(stack: LocalStack) -> list[str]:
    rows = [("orchestrator", stack.address, stack.orchestrator.metrics_address)]
    rows += [
        (splitter.name, splitter.address, splitter.metrics_address) for splitter in stack.splitters
    ]
    rows.append(("inference", stack.inference.address, stack.inference.metrics_address))
    return [
        *(f"{name:<14}gRPC {grpc:<18}http://{metrics}/metrics" for name, grpc, metrics in rows),
        f"{'triton HTTP':<14}http://{stack.inference.addresses['http_address']}",
        f"{'logs':<14}{stack.log_directory}",
        f"try: fanscribe transcribe --server {stack.address} RECORDING",
    ]
