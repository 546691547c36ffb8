"""Serves the probe page and the robot's clock: `python -m bench.latency.pageserver`."""

from __future__ import annotations

import asyncio
from pathlib import Path

from aiohttp import WSMsgType, web

import teleop
from bench.latency.ends import Lines
from transport.local.clock import now_ns

PAGE = Path(__file__).parent / "page"
FILES = {
    "": PAGE / "index.html",
    "index.html": PAGE / "index.html",
    "probe.js": PAGE / "probe.js",
    "genlock.js": Path(teleop.__file__).parent / "web" / "net" / "genlock.js",
}
"""The last is the product's: the probe tells its screen as the console does."""
ISOLATED = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
}
"""With these a page gets a fine performance.now()."""


async def _clock(request: web.Request) -> web.WebSocketResponse:
    """Answer every message with the monotonic time (ns, as text: too large for a double)."""
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    async for message in socket:
        if message.type is WSMsgType.TEXT:
            await socket.send_str(str(now_ns()))
    return socket


async def _file(request: web.Request) -> web.FileResponse:
    found = FILES.get(request.match_info["name"])
    if found is None:
        raise web.HTTPNotFound
    return web.FileResponse(found, headers=ISOLATED)


async def serve() -> None:
    """Serve on loopback, print the origin, leave at the end of standard input."""
    lines = await Lines.open()
    app = web.Application()
    app.router.add_get("/clock", _clock)
    app.router.add_get("/{name:.*}", _file)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    lines.write(origin=f"http://127.0.0.1:{runner.addresses[0][1]}")
    await lines.read()
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(serve())
