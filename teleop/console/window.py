"""The console's own window: a page on loopback that shows the decoded pictures.

A picture counts as seen when the page says that it drew it: the acknowledgement comes a little
after the picture, so the end-to-end figure is never flattered. A hidden or closed page says
nothing, the picture grows old, and the dead-man is let go.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import aiohttp
import cv2
import numpy as np
from aiohttp import web
from numpy.typing import NDArray

import teleop

WEB = Path(teleop.__file__).parent / "web"
TEXT = Path(teleop.__file__).parent / "text"
JPEG_QUALITY = 85
MAX_MESSAGE_BYTES = 256
ACCEPT_ROUNDS = 3
"""Rounds of the event loop from an accepted connection to one that aiohttp knows of."""
CSP = "default-src 'self'; connect-src 'self'; img-src 'self' blob:"


class Viewable(Protocol):
    """A decoded picture (`transport.webrtc.receive.Picture`)."""

    @property
    def rtp_timestamp(self) -> int:
        """As sent on the wire: the frame id of commands."""

    @property
    def count(self) -> int:
        """Number of the picture since the start."""

    def luma(self) -> NDArray[np.uint8]:
        """Height x width."""


class Window:
    """Serves the page and speaks with it; one page at a time."""

    def __init__(
        self, on_seen: Callable[[int], None], on_event: Callable[[str, int], None]
    ) -> None:
        """`on_seen(frame_id)`: drawn on screen. `on_event(name, arg)`: the doctor pressed."""
        self._on_seen, self._on_event = on_seen, on_event
        self._secret = secrets.token_urlsafe(16)
        self._socket: web.WebSocketResponse | None = None
        self._sent = -1
        self._runner: web.AppRunner | None = None
        self._listening: socket.socket | None = None
        self.url = ""
        self.unreadable = 0

    async def start(self) -> None:
        """Listen on a free port of loopback."""
        app = web.Application()
        app.router.add_get(f"/{self._secret}/", self._page)
        app.router.add_get(f"/{self._secret}/ws", self._talk)
        app.router.add_static("/static", WEB)
        app.router.add_static("/text", TEXT)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        self._listening = socket.create_server(("127.0.0.1", 0))
        await web.SockSite(self._runner, self._listening).start()
        port = self._listening.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}/{self._secret}/"

    async def close(self) -> None:
        """Stop serving."""
        if self._socket is not None:
            await self._socket.close()
        if self._runner is None or self._listening is None:
            return
        # aiohttp closes the connections that it knows; one just accepted would stay open for good.
        asyncio.get_running_loop().remove_reader(self._listening)
        for _ in range(ACCEPT_ROUNDS):
            await asyncio.sleep(0)
        await self._runner.cleanup()

    @property
    def watched(self) -> bool:
        """Whether a page is connected."""
        return self._socket is not None and not self._socket.closed

    async def show(self, picture: Viewable | None) -> None:
        """Send a new picture, unless nobody looks."""
        if self._socket is None or picture is None or picture.count == self._sent:
            return
        self._sent = picture.count
        jpeg = await asyncio.to_thread(_encode, picture)
        await self._send(picture.rtp_timestamp.to_bytes(4, "little") + jpeg)

    async def tell(self, status: dict[str, object]) -> None:
        """Send what is to be shown beside the picture."""
        await self._send(json.dumps(status))

    async def _send(self, data: bytes | str) -> None:
        page = self._socket
        if page is None or page.closed:
            return
        try:
            await (page.send_bytes(data) if isinstance(data, bytes) else page.send_str(data))
        except (ConnectionError, RuntimeError):
            self._socket = None  # the page is gone; its silence lets go of the dead-man

    async def _page(self, _: web.Request) -> web.FileResponse:
        headers = {"Content-Security-Policy": CSP, "Cache-Control": "no-store"}
        return web.FileResponse(WEB / "handle.html", headers=headers)

    async def _talk(self, request: web.Request) -> web.WebSocketResponse:
        if request.headers.get("Origin") != str(request.url.origin()):
            raise web.HTTPForbidden
        page = web.WebSocketResponse(max_msg_size=MAX_MESSAGE_BYTES)
        await page.prepare(request)
        before, self._socket = self._socket, page
        if before is not None:
            await before.close()
        async for message in page:
            if message.type == aiohttp.WSMsgType.TEXT:
                self.hear(message.data)
        if self._socket is page:
            self._socket = None
        return page

    def hear(self, text: str) -> None:
        """Take a message of the page: {"seen": id} or {"event": name, "arg": number}."""
        try:
            message = json.loads(text)
            if "seen" in message:
                self._on_seen(int(message["seen"]) & 0xFFFFFFFF)
            else:
                self._on_event(str(message["event"]), int(message.get("arg", 0)))
        except (ValueError, TypeError, KeyError):
            self.unreadable += 1


def _encode(picture: Viewable) -> bytes:
    good, data = cv2.imencode(".jpg", picture.luma(), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return data.tobytes() if good else b""
