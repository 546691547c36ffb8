"""The line to the keys process: relays key agreements between it and consoles, unread."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec

from teleop.gateway.hub import Hub
from teleop.gateway.line import Line
from teleop.gateway.notes import Notes
from teleop.gateway.page import Page
from teleop.keys.messages import (
    MAX_LINE,
    Begin,
    Done,
    End,
    Failed,
    FromKeys,
    Offered,
    Reply,
    Sign,
    Signed,
)
from teleop.keys.service import SOCKET
from transport import schema as s
from transport.binding import digest
from transport.refusals import Reason
from transport.sessions import Session

SIGN_S = 1.0

_decoder = msgspec.json.Decoder(FromKeys)


class KeysLine(Line):
    """To keys; when it comes back, connected consoles agree anew."""

    _limit = MAX_LINE
    _note = "keys_line"

    def __init__(self, run_dir: Path, hub: Hub, notes: Notes) -> None:
        super().__init__(run_dir / SOCKET, hub, notes)
        self._signing: dict[int, asyncio.Future[Signed]] = {}
        self._signed = 0

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
            async with asyncio.timeout(SIGN_S):
                return await waiting
        except TimeoutError:
            self._notes.write("not_signed", session=session.number)
            return None
        finally:
            self._signing.pop(number, None)

    def _take(self, line: bytes) -> None:
        message = _decoder.decode(line)
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
