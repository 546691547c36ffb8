"""The robot's conversations with consoles: one witness per session (no IO but the book)."""

from __future__ import annotations

from teleop.audit.book import Book, utc_ms
from teleop.audit.errors import ForeignLogError, ForkError
from teleop.audit.lines import Kind
from teleop.audit.witness import Seen, Shown, Witness, from_text, to_text
from transport.local.clock import now_ns
from transport.rates import TokenBucket

RATE_HZ, BURST = 1.0, 8.0
"""A console shows a head and signs one of ours every five seconds; more is not answered."""


class Desk:
    """Answers consoles. What it returns is sent to the console of that session."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._open: dict[int, tuple[Witness, TokenBucket]] = {}
        self._doubted: set[int] = set()
        self.problem = ""
        """The last broken promise of a console's log; empty: none."""

    def begin(self, session: int) -> None:
        """A console joined; one that comes back goes on where it was."""
        if session not in self._open:
            witness = Witness(self._book.log)
            self._open[session] = witness, TokenBucket(RATE_HZ, BURST, now_ns())

    def end(self, session: int) -> None:
        """A console left for good."""
        self._open.pop(session, None)

    def present(self) -> list[tuple[int, str]]:
        """The newest head for everybody; only what is on the disk is shown."""
        if not self._book.store():
            return []
        shown = ((number, witness.present()) for number, (witness, _) in self._open.items())
        return [(number, to_text(head)) for number, head in shown if head is not None]

    def take(self, session: int, text: str) -> str:
        """What a console says; returns the answer, empty when there is none."""
        if session not in self._open:
            return ""
        witness, bucket = self._open[session]
        if not bucket.take(now_ns()):
            return ""
        try:
            return self._answer(witness, session, from_text(text))
        except ForkError as error:
            self.problem = str(error)
            self._book.add(Kind.FORKED, session, detail=str(error))
        except ForeignLogError as error:
            if session not in self._doubted:
                self._doubted.add(session)
                self._book.add(Kind.DOUBTED, session, detail=str(error))
        return ""

    def _answer(self, witness: Witness, session: int, message: Shown | Seen) -> str:
        if isinstance(message, Seen):
            witness.countersigned(message, utc_ms(), now_ns(), session)
            return ""
        seen = witness.take(message, utc_ms(), now_ns(), session)
        return to_text(seen) if self._book.store() else ""
