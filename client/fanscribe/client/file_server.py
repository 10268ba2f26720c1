"""Offers one local file to an orchestrator on this machine, by HTTP range requests."""

import ipaddress
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote

from aiohttp import web


def is_loopback(target: str) -> bool:
    """Whether a gRPC target ("host:port") is on this machine."""
    if target.startswith("unix:"):
        return True
    host = target.rpartition(":")[0].removeprefix("ipv4:").removeprefix("ipv6:").strip("[]")
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@asynccontextmanager
async def served_file(path: Path) -> AsyncIterator[str]:
    """Serve the file at `path` on the loopback interface while inside; yields its URL.

    The URL's path is random, so that other users of the machine cannot guess it.
    """

    async def send(_: web.Request) -> web.FileResponse:
        return web.FileResponse(path)

    # The suffix helps where a container format is not told by its content.
    location = f"/{secrets.token_urlsafe(16)}{quote(path.suffix)}"
    app = web.Application()
    app.router.add_get(location, send)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        yield f"http://127.0.0.1:{port}{location}"
    finally:
        await runner.cleanup()
