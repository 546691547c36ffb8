"""The WebSocket `/ws`: carries text between pages and the handshake machine."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Callable

from aiohttp import WSMsgType, web

from teleop.gateway.actions import Actions
from teleop.gateway.command import CommandPeers
from teleop.gateway.hub import Hub
from teleop.gateway.near import is_near
from teleop.gateway.notes import Notes
from teleop.gateway.page import Page
from teleop.gateway.pages import DOOR
from teleop.gateway.sources import Sources
from teleop.gateway.store import SessionStore
from teleop.gateway.video import VideoPeers
from teleop.gateway.welcome import Greeter
from transport import handshake as h
from transport import schema as s
from transport.local.clock import now_ns
from transport.refusals import Reason
from transport.schema import Role
from transport.sessions import Admitted, StoreError

MAX_SOCKETS = 48
MAX_STRANGERS = 16
"""Sockets that have not been let in yet."""
KEEPALIVE_S = 5.0
"""WebSocket ping: finds pages whose machine vanished (guard judges the bedside by its beat)."""
CLOSE_TIMEOUT_S = 0.5
ORPHAN_NS = 10_000_000_000
"""With several links a console keeps its commands for so long without its socket: the socket's
link may be the lost one, and the page comes back over another."""


class Signalling:
    """Accepts sockets and runs one handshake machine on each."""

    def __init__(
        self,
        hub: Hub,
        store: SessionStore,
        actions: Actions,
        command: CommandPeers,
        video: VideoPeers,
        greeter: Greeter,
        sources: Sources,
        notes: Notes,
        newest_status: Callable[[], str],
        know: Callable[[str], None],
    ) -> None:
        self._hub = hub
        self._store = store
        self._actions = actions
        self._command = command
        self._video = video
        self._greeter = greeter
        self._sources = sources
        self._notes = notes
        self._newest_status = newest_status
        self._know = know
        self._guesses = h.Guesses(now_ns())
        self._pages: set[Page] = set()
        self._orphans: dict[int, int] = {}
        """Session -> since when its socket is gone."""

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """One socket, from upgrade to end."""
        door = request.app[DOOR]
        if not door.origin_allowed(request.headers.get("Origin"), request.host):
            raise web.HTTPForbidden(text="Only this gateway's own pages may connect.\n")
        strangers = sum(1 for page in self._pages if page.session is None)
        if len(self._pages) >= MAX_SOCKETS or strangers >= MAX_STRANGERS:
            raise web.HTTPServiceUnavailable(text="Too many connections; try again later.\n")
        socket = web.WebSocketResponse(
            max_msg_size=s.MAX_SIGNAL_BYTES + 1024,  # the machine refuses the excess in words
            compress=False,
            heartbeat=KEEPALIVE_S,
            timeout=CLOSE_TIMEOUT_S,
        )
        await socket.prepare(request)
        address = request.remote or "unknown"
        nonce = secrets.token_urlsafe(24)
        machine = h.Handshake(self._hub.registry, self._guesses, nonce, address, now_ns())
        page = Page(socket, machine, address, now_ns(), near=is_near(request))
        await self._run(page, socket)
        return socket

    async def _run(self, page: Page, socket: web.WebSocketResponse) -> None:
        self._pages.add(page)
        writer = asyncio.create_task(page.run_writer())
        page.send(page.handshake.challenge())
        try:
            async for message in socket:
                if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                    break
                self._receive(page, message.data)
        finally:
            self._pages.discard(page)
            writer.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await writer
            self._gone(page)

    def _receive(self, page: Page, data: str | bytes) -> None:
        try:
            codes = self._store.codes() if page.session is None else {}
        except StoreError as error:
            self._notes.write("join_codes", detail=str(error))
            codes = {}
        self._do(page, page.handshake.receive(data, codes, now_ns()))

    def _do(self, page: Page, actions: list[h.Action]) -> None:
        for action in actions:
            match action:
                case h.Send(message):
                    self._note_refusal(page, message)
                    page.send(message)
                case h.Join(admitted, language):
                    page.language = language
                    self._join(page, admitted)
                case h.Deliver(session, message):
                    self._actions.act(page, session, message)
                case h.Close():
                    page.close()

    def _note_refusal(self, page: Page, message: s.FromServer) -> None:
        if isinstance(message, s.Refused):
            session = page.session.number if page.session else 0
            self._notes.write("refused", reason=message.reason, session=session)

    def _join(self, page: Page, admitted: Admitted) -> None:
        try:
            self._hub.join(page, admitted)
        except StoreError as error:
            self._notes.write("store_failed", detail=str(error))
            page.refuse(Reason.STORE_FAILED, close=True)
            return
        self._know(page.address)
        session = admitted.session
        if session.role is Role.CONSOLE and page.handshake.native:
            nonce = page.handshake.nonce
            self._command.datagrams.admit(session.number, admitted.token, nonce)
        page.send(
            self._greeter.welcome(
                admitted, self._hub.registry.lease, self._sources.report, near=page.near
            )
        )
        if admitted.session.role is not Role.BEDSIDE and self._greeter.image is not None:
            page.send(self._greeter.image)
        page.send_status(self._newest_status())
        if admitted.session.role is Role.CONSOLE:
            self._actions.keys.begin(admitted.session.number)
            self._actions.audit.begin(admitted.session.number)
        page.send(self._actions.needle.message())
        self._hub.tell_peers()

    def _gone(self, page: Page) -> None:
        if self._hub.leave(page) and page.session is not None:
            if page.session.role is Role.BEDSIDE:
                self._actions.bedside.gone()
            if self._command.links > 1 and self._command.is_open(page.session.number):
                self._orphans[page.session.number] = now_ns()
            else:
                self._drop(page.session.number)
            self._hub.registry.want_lease(page.session.number, False)
            self._hub.tell_peers()

    def _drop(self, session: int) -> None:
        self._actions.keys.end(session)
        self._actions.audit.end(session)
        self._command.drop(session)
        self._video.drop(session)

    def _check_orphans(self, at_ns: int) -> None:
        """Consoles whose socket was lost, while commands come over another link."""
        for session, since_ns in list(self._orphans.items()):
            if self._hub.page(session) is not None:
                del self._orphans[session]
            elif not self._command.is_open(session) or at_ns - since_ns > ORPHAN_NS:
                del self._orphans[session]
                self._drop(session)

    def check_timeouts(self, at_ns: int) -> None:
        """Close sockets that never said hello; end consoles that do not come back."""
        self._check_orphans(at_ns)
        for page in list(self._pages):
            self._do(page, page.handshake.timed_out(at_ns))

    async def close(self) -> None:
        """Close every socket: the gateway leaves (pages come back when it is started again)."""
        for page in list(self._pages):
            page.close()
        await asyncio.sleep(0)

    @property
    def sockets(self) -> int:
        """Connected sockets."""
        return len(self._pages)
