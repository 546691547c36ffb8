"""The line to the audit process: relays what the sites' logs say to each other, unread."""

from __future__ import annotations

from pathlib import Path

import msgspec

from teleop.audit.messages import MAX_LINE, SOCKET, Begin, End, Passed
from teleop.gateway.hub import Hub
from teleop.gateway.line import Line
from teleop.gateway.notes import Notes
from transport import schema as s

_decoder = msgspec.json.Decoder(Passed)


class AuditLine(Line):
    """To the process that writes the site's log."""

    _limit = MAX_LINE
    _note = "audit_line"

    def __init__(self, run_dir: Path, hub: Hub, notes: Notes) -> None:
        super().__init__(run_dir / SOCKET, hub, notes)

    def begin(self, session: int) -> None:
        """A console joined."""
        self._write(Begin(session))

    def say(self, session: int, data: str) -> None:
        """A console's log speaks. Without the audit process nobody hears: it shows heads again."""
        self._write(Passed(session, data))

    def end(self, session: int) -> None:
        """A console left."""
        self._write(End(session))

    def _take(self, line: bytes) -> None:
        message = _decoder.decode(line)
        page = self._hub.page(message.session)
        if page is not None:
            page.send(s.Audit(data=message.data))
