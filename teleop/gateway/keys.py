"""The line to the keys process: relays key agreements between it and consoles, unread."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec

from teleop.gateway.hub import Hub
from teleop.gateway.notes import Notes
from teleop.gateway.page import Page
from teleop.keys.messages import (
    MAX_LINE,
    Begin,
    Done,
    End,
    Failed,
    FromKeys,
    Line,
    Offered,
    Reply,
    Sign,
    Signed,
)
from teleop.keys.service import SOCKET
from transport import schema as s
from transport.binding import digest
from transport.refusals import Reason
from transport.schema import Role
from transport.sessions import Session

RECONNECT_S = 0.2
SIGN_S = 1.0

_decoder = msgspec.json.Decoder(FromKeys)
_encode = msgspec.json.Encoder().encode


class KeysLine:
    """One connection to keys; when it comes back, connected consoles agree anew."""

    def __init__(self, run_dir: Path, hub: Hub, notes: Notes) -> None:
        self._path = run_dir / SOCKET
        self._hub = hub
        self._notes = notes
        self._writer: asyncio.StreamWriter | None = None
        self._signing: dict[int, asyncio.Future[Signed]] = {}
        self._signed = 0

    async def run(self) -> None:
        """Keep the connection up until cancelled."""
        while True:
            try:
                reader, writer = await asyncio.open_unix_connection(str(self._path), limit=MAX_LINE)
            except OSError:
                await asyncio.sleep(RECONNECT_S)  # keys is starting, or was restarted
                continue
            self._writer = writer
            for page in self._hub.with_role(Role.CONSOLE):
                if page.session is not None:
                    self.begin(page.session.number)
            try:
                await self._read(reader)
            finally:
                self._writer = None
                writer.close()
            await asyncio.sleep(RECONNECT_S)

    def begin(self, session: int) -> None:
        """A console joined."""
        self._write(Begin(session))

    def reply(self, session: int, data: str) -> bool:
        """A console answered; False: keys is not there (it asks again when it is back)."""
        return self._write(Reply(session, data))

    def end(self, session: int) -> None:
        """A console left."""
        self._write(End(session))

    async def send_answer(self, page: Page, session: Session, offer: s.Offer, sdp: str) -> None:
        """Send an answer with the site's signature (without one the console decides)."""
        nonce, number = page.handshake.nonce, session.number
        signed = await self._sign(nonce, session, offer, sdp)
        proof, site_key = (signed.proof, signed.site_key) if signed else ("", "")
        if self._hub.page(number) is page:
            page.send(s.Answer(offer.peer, sdp, offer.link, proof, site_key))

    async def _sign(self, nonce: str, session: Session, offer: s.Offer, sdp: str) -> Signed | None:
        self._signed += 1
        waiting: asyncio.Future[Signed] = asyncio.get_running_loop().create_future()
        self._signing[self._signed] = waiting
        number = self._signed
        wanted = Sign(
            number, nonce, session.number, session.role, offer.peer, offer.link,
            digest(offer.sdp), digest(sdp),
        )  # fmt: skip
        try:
            if not self._write(wanted):
                return None
            return await asyncio.wait_for(waiting, SIGN_S)
        except TimeoutError:
            self._notes.write("not_signed", session=session.number)
            return None
        finally:
            self._signing.pop(number, None)

    async def _read(self, reader: asyncio.StreamReader) -> None:
        while True:
            try:
                line = await reader.readline()
                if not line:
                    return
                self._take(_decoder.decode(line))
            except (ConnectionError, ValueError, RecursionError) as error:
                self._notes.write("keys_line", detail=str(error))
                return

    def _take(self, message: FromKeys) -> None:
        if isinstance(message, Signed):
            waiting = self._signing.get(message.id)
            if waiting is not None and not waiting.done():
                waiting.set_result(message)
            return
        page = self._hub.page(message.session)
        if page is None:
            return
        if isinstance(message, Offered):
            page.send(s.KeyOffer(data=message.data))
        elif isinstance(message, Done):
            page.send(s.KeyDone(data=message.data, suite=message.suite, trust=message.trust))
        elif isinstance(message, Failed):
            page.refuse(Reason.KEY_REFUSED, message.detail)

    def _write(self, message: Line) -> bool:
        if self._writer is None:
            return False
        self._writer.write(_encode(message) + b"\n")
        return True
