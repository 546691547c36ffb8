"""Serves the probe page and the robot's clock: `python -m bench.latency.pageserver`."""

from __future__ import annotations

import asyncio
from pathlib import Path

from aiohttp import WSMsgType, web

from bench.latency.ends import Lines
from transport.local.clock import now_ns

PAGE = Path(__file__).parent / "page"
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
    name = request.match_info.get("name") or "index.html"
    if name not in ("index.html", "probe.js"):
        raise web.HTTPNotFound
    return web.FileResponse(PAGE / name, headers=ISOLATED)


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
