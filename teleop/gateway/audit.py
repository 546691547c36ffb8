"""The line to the audit process: relays what the sites' logs say to each other, unread."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec

from teleop.audit.messages import MAX_LINE, SOCKET, Begin, End, FromGateway, Passed
from teleop.gateway.hub import Hub
from teleop.gateway.notes import Notes
from transport import schema as s
from transport.schema import Role

RECONNECT_S = 0.2

_decoder = msgspec.json.Decoder(Passed)
_encode = msgspec.json.Encoder().encode


class AuditLine:
    """One connection to the audit process; when it comes back, it hears who is here."""

    def __init__(self, run_dir: Path, hub: Hub, notes: Notes) -> None:
        self._path = run_dir / SOCKET
        self._hub = hub
        self._notes = notes
        self._writer: asyncio.StreamWriter | None = None

    async def run(self) -> None:
        """Keep the connection up until cancelled."""
        while True:
            try:
                reader, writer = await asyncio.open_unix_connection(str(self._path), limit=MAX_LINE)
            except OSError:
                await asyncio.sleep(RECONNECT_S)  # it is starting, or was restarted
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

    def say(self, session: int, data: str) -> None:
        """A console's log speaks. Without the audit process nobody hears: it shows heads again."""
        self._write(Passed(session, data))

    def end(self, session: int) -> None:
        """A console left."""
        self._write(End(session))

    async def _read(self, reader: asyncio.StreamReader) -> None:
        try:
            while line := await reader.readline():
                message = _decoder.decode(line)
                page = self._hub.page(message.session)
                if page is not None:
                    page.send(s.Audit(data=message.data))
        except (ConnectionError, ValueError) as error:  # msgspec's errors are ValueErrors
            self._notes.write("audit_line", detail=str(error))

    def _write(self, message: FromGateway) -> None:
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(_encode(message) + b"\n")
