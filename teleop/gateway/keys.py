"""The line to the keys process: relays key agreements between it and consoles, unread."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec

from teleop.gateway.hub import Hub
from teleop.gateway.notes import Notes
from teleop.keys.messages import MAX_LINE, Begin, Done, End, Failed, FromKeys, Line, Offered, Reply
from teleop.keys.service import SOCKET
from transport import schema as s
from transport.refusals import Reason
from transport.schema import Role

RECONNECT_S = 0.2

_decoder = msgspec.json.Decoder(FromKeys)
_encode = msgspec.json.Encoder().encode


class KeysLine:
    """One connection to keys; when it comes back, connected consoles agree anew."""

    def __init__(self, run_dir: Path, hub: Hub, notes: Notes) -> None:
        self._path = run_dir / SOCKET
        self._hub = hub
        self._notes = notes
        self._writer: asyncio.StreamWriter | None = None
        self.suites: dict[int, s.KeyDone] = {}
        """What each session agreed on, as keys says."""

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

    async def _read(self, reader: asyncio.StreamReader) -> None:
        while True:
            try:
                line = await reader.readline()
                if not line:
                    return
                self._take(_decoder.decode(line))
            except (ConnectionError, ValueError) as error:  # msgspec's errors are ValueErrors
                self._notes.write("keys_line", detail=str(error))
                return

    def _take(self, message: FromKeys) -> None:
        page = self._hub.page(message.session)
        if page is None:
            return
        if isinstance(message, Offered):
            page.send(s.KeyOffer(data=message.data))
        elif isinstance(message, Done):
            done = s.KeyDone(data=message.data, suite=message.suite, trust=message.trust)
            self.suites[message.session] = done
            page.send(done)
        elif isinstance(message, Failed):
            page.refuse(Reason.KEY_REFUSED, message.detail)

    def _write(self, message: Line) -> bool:
        if self._writer is None:
            return False
        self._writer.write(_encode(message) + b"\n")
        return True
