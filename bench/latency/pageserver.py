"""Serves the probe page and the robot's clock to a browser, from a thread."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from types import TracebackType

from aiohttp import WSMsgType, web

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


class PageServer:
    """A context; `origin` is the address to open."""

    def __init__(self, bind: str = "127.0.0.1") -> None:
        self._bind = bind
        self._loop = asyncio.new_event_loop()
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, name="probe page", daemon=True)
        self.origin = ""

    def _run(self) -> None:
        self._loop.run_until_complete(self._start())
        self._started.set()
        self._loop.run_forever()
        self._loop.run_until_complete(self._runner.cleanup())
        self._loop.close()

    async def _start(self) -> None:
        app = web.Application()
        app.router.add_get("/clock", _clock)
        app.router.add_get("/{name:.*}", _file)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._bind, 0)
        await site.start()
        self.origin = f"http://{self._bind}:{self._runner.addresses[0][1]}"

    def __enter__(self) -> PageServer:
        """Serve."""
        self._thread.start()
        if not self._started.wait(10.0):
            raise RuntimeError("the probe page's server did not start")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        """Stop."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5.0)
