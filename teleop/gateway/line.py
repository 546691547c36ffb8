"""A line to another process of the site: relays what consoles and it say to each other, unread."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from pathlib import Path

import msgspec

from teleop.gateway.hub import Hub
from teleop.gateway.notes import Notes
from transport.schema import Role

RECONNECT_S = 0.2


class Line(ABC):
    """One connection over a Unix socket; when it comes back, the other side hears who is here."""

    _limit: int
    """Longest line that the other side sends (bytes)."""
    _note: str
    """Kind of note when the line breaks."""

    def __init__(self, path: Path, hub: Hub, notes: Notes) -> None:
        self._path = path
        self._hub = hub
        self._notes = notes
        self._writer: asyncio.StreamWriter | None = None
        self._encode = msgspec.json.Encoder().encode

    async def run(self) -> None:
        """Keep the connection up until cancelled."""
        while True:
            try:
                reader, writer = await asyncio.open_unix_connection(
                    str(self._path), limit=self._limit
                )
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

    @abstractmethod
    def begin(self, session: int) -> None:
        """A console joined."""

    @abstractmethod
    def _take(self, line: bytes) -> None:
        """One line arrived; a ValueError or RecursionError ends the connection."""

    async def _read(self, reader: asyncio.StreamReader) -> None:
        try:
            while line := await reader.readline():
                self._take(line)
        except (ConnectionError, ValueError, RecursionError) as error:
            # msgspec's errors, and asyncio's word for a line over the limit, are ValueErrors.
            self._notes.write(self._note, detail=str(error))

    def _write(self, message: msgspec.Struct) -> bool:
        """Send a message; False: nobody is there."""
        if self._writer is None or self._writer.is_closing():
            return False
        self._writer.write(self._encode(message) + b"\n")
        return True
