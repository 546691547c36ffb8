"""Caps how many connections come and are there, and how long one may stay without a request.

aiohttp waits for a request without a time limit; a peer that sends a header byte by byte would
hold a connection for ever.
"""

from __future__ import annotations

import asyncio
import socket
import ssl

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from teleop.gateway.callers import Callers
from teleop.gateway.entrance import Entrance
from transport.local.clock import now_ns

MAX_CONNECTIONS = 128
IDLE_NS = 10_000_000_000


class _Full(asyncio.Protocol):
    """Ends a connection that is one too many."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Close at once."""
        transport.close()


class Doorman:
    """Makes a request handler for each connection, and ends those that ask for nothing."""

    def __init__(self, *, most: int = MAX_CONNECTIONS, idle_ns: int = IDLE_NS) -> None:
        self._most = most
        self._idle_ns = idle_ns
        self.callers = Callers(now_ns())
        self._since: dict[asyncio.BaseProtocol, int] = {}
        self._busy: set[asyncio.BaseProtocol] = set()
        self._server: web.Server | None = None

    def open(
        self, server: web.Server, listener: socket.socket, tls: ssl.SSLContext | None
    ) -> Entrance:
        """Start to accept connections (in a running event loop)."""
        self._server = server
        return Entrance(listener, tls, self._admit, self._make)

    def middleware(self) -> Middleware:
        """Middleware that knows which connections have a request in work."""

        @web.middleware
        async def track(request: web.Request, handler: Handler) -> web.StreamResponse:
            protocol = request.protocol
            self._busy.add(protocol)
            try:
                return await handler(request)
            finally:
                self._busy.discard(protocol)
                self._since[protocol] = now_ns()

        return track

    def _admit(self, address: str) -> bool:
        return self.callers.admit(address, now_ns())

    def _make(self) -> asyncio.BaseProtocol:
        assert self._server is not None
        if len(self._since) >= self._most:
            self._forget_closed(now_ns())
        if len(self._since) >= self._most:
            return _Full()
        protocol = self._server()
        self._since[protocol] = now_ns()
        return protocol

    def _forget_closed(self, at_ns: int) -> None:
        """Forget ended connections (one in its TLS handshake is not known to the server yet)."""
        assert self._server is not None
        live: set[asyncio.BaseProtocol] = set(self._server.connections)
        self._since = {
            protocol: since
            for protocol, since in self._since.items()
            if protocol in live or at_ns - since < self._idle_ns
        }

    def dismiss_idle(self, at_ns: int) -> int:
        """Close connections without a request for too long; return how many."""
        self._forget_closed(at_ns)
        dismissed = 0
        for protocol, since in self._since.items():
            idle = protocol not in self._busy and at_ns - since >= self._idle_ns
            if idle and isinstance(protocol, web.RequestHandler) and protocol.transport:
                protocol.transport.abort()
                dismissed += 1
        return dismissed
