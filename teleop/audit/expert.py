"""The expert's site: its own log of what it did and was shown, and its eye on the robot's log."""

from __future__ import annotations

from pathlib import Path

from safety.states import Cause, State
from teleop.audit.book import Book, utc_ms
from teleop.audit.errors import BookError, ForeignLogError, ForkError, InUseError
from teleop.audit.follow import STOPS
from teleop.audit.lines import Kind
from teleop.audit.witness import Seen, Witness, from_text, to_text
from transport.local.clock import now_ns

MOST_CONSOLES = 8
"""Consoles that run at the same time under one account; each keeps its own log."""


def open_book(folder: Path) -> Book:
    """The first log that no other console uses: FOLDER, FOLDER-2, ...

    BookError: none is free, or the free one is damaged.
    """
    problem = ""
    for number in range(1, MOST_CONSOLES + 1):
        place = folder if number == 1 else folder.with_name(f"{folder.name}-{number}")
        try:
            return Book(place, "console")
        except InUseError as error:
            problem = str(error)
    raise BookError(problem)


class ExpertLog:
    """Entries and answers; whoever owns it stores the book and sends the texts."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self._witness = Witness(book.log)
        self._session = 0
        self._seen: tuple[State, Cause, int] | None = None
        self.problem = ""
        """What is wrong with the robot's log; empty: nothing was found."""
        book.add(Kind.OPENED)

    def joined(self, session: int) -> None:
        """We were let in."""
        if session != self._session:
            self._witness = Witness(self.book.log)
            self._session = session
        self.book.add(Kind.JOINED, session, "console")

    def acted(self, name: str, arg: int) -> None:
        """The person pressed something."""
        self.book.add(Kind.ACT, self._session, name, arg)

    def shown(self, state: State, first_out: Cause, epoch: int, engagement: int) -> None:
        """What the robot's telemetry says now."""
        now, before = (state, first_out, engagement), self._seen
        self._seen = now
        if now == before:
            return
        if before is not None and engagement != before[2]:
            self.book.add(Kind.ENGAGED, self._session, value=engagement, detail=str(epoch))
        if state in STOPS and (before is None or (state, first_out) != before[:2]):
            self.book.add(Kind.STOPPED, self._session, state.name, epoch, first_out.name)

    def present(self) -> str:
        """Our newest head for the robot; empty: there is none."""
        shown = self._witness.present()
        return to_text(shown) if shown is not None else ""

    def take(self, text: str) -> str:
        """What the robot's log says; returns our answer, empty when there is none."""
        try:
            message = from_text(text)
            if isinstance(message, Seen):
                self._witness.countersigned(message, utc_ms(), now_ns(), self._session)
                return ""
            return to_text(self._witness.take(message, utc_ms(), now_ns(), self._session))
        except ForkError as error:
            self.problem = str(error)
            self.book.add(Kind.FORKED, self._session, detail=str(error))
        except ForeignLogError as error:
            self.problem = str(error)
        return ""

    def close(self) -> None:
        """The session is over."""
        self.book.add(Kind.CLOSED)
        self.book.close()
