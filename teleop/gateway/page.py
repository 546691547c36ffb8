"""One page's WebSocket: what is sent never waits for a slow page, and the newest status wins."""

from __future__ import annotations

import asyncio
from collections import deque

import msgspec
from aiohttp import web

from transport import schema as s
from transport.handshake import Handshake
from transport.rates import TokenBucket
from transport.refusals import Reason
from transport.sessions import Session

MAX_WAITING = 256
"""Messages waiting for one page; a page that takes none of them is closed and may come back."""
OFFER_RATE_HZ = 2.0
OFFER_BURST = 16.0
"""Two connections per link, made anew a few times while a link comes back."""

_encode = msgspec.json.Encoder().encode


class Page:
    """One connected page."""

    def __init__(
        self,
        socket: web.WebSocketResponse,
        handshake: Handshake,
        address: str,
        now_ns: int,
        *,
        near: bool = False,
    ) -> None:
        self._socket = socket
        self.handshake = handshake
        self.address = address
        self.near = near
        """On the gateway's own machine: no network in between that loses packets."""
        self.language = "en"
        self.offers = TokenBucket(OFFER_RATE_HZ, OFFER_BURST, now_ns)
        self._waiting: deque[str] = deque()
        self._status: str | None = None
        self._wake = asyncio.Event()
        self._closing = False
        self.status_skipped = 0

    @property
    def session(self) -> Session | None:
        """The session, once let in."""
        return self.handshake.session

    def send(self, message: s.FromServer) -> None:
        """Queue a message that must arrive, in order."""
        if self._closing:
            return
        self._waiting.append(_encode(message).decode())
        if len(self._waiting) > MAX_WAITING:
            self._waiting.clear()
            self._closing = True
        self._wake.set()

    def refuse(
        self, reason: Reason, detail: str = "", *, close: bool = False, link: int = -1
    ) -> None:
        """Say no, with a key of the text table; `link`: what it is about, -1 all."""
        self.send(s.Refused(reason=reason, detail=detail[:256], close=close, link=link))
        if close:
            self.close()

    def send_status(self, status: str) -> None:
        """Offer the newest status; one that was not sent yet is replaced."""
        if self._status is not None:
            self.status_skipped += 1
        self._status = status
        self._wake.set()

    def close(self) -> None:
        """Close after what is queued."""
        self._closing = True
        self._wake.set()

    async def run_writer(self) -> None:
        """Send until closed; ends by itself when the connection is gone."""
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                while self._waiting:
                    await self._socket.send_str(self._waiting.popleft())
                if self._status is not None:
                    status, self._status = self._status, None
                    await self._socket.send_str(status)
                if self._closing and not self._waiting:
                    await self._socket.close()
                    return
        except (ConnectionError, RuntimeError):
            return  # the reader sees the same end and cleans up
