"""The audit log of a native console: stores in a thread, talks over the page's socket."""

from __future__ import annotations

import asyncio
from pathlib import Path

from safety.states import Cause, State
from teleop.audit.expert import ExpertLog, open_book
from teleop.scripted.client import PageClient
from transport.schema import Audit, Signal, Telemetry

STORE_S = 1.0
SHOW_EVERY = 5
"""Stores between two heads that the robot is shown."""
MOST_TEXTS = 64
"""What is over is dropped: the robot shows a newer head in five seconds."""


class AuditTalk:
    """Everything of one console. `folder`: where its log is kept. BookError: it cannot be."""

    def __init__(self, folder: Path) -> None:
        self._log = ExpertLog(open_book(folder))
        self._texts: asyncio.Queue[str] = asyncio.Queue(MOST_TEXTS)
        self._joins = 0

    @property
    def path(self) -> Path:
        """The log's file."""
        return self._log.book.path

    @property
    def problem(self) -> str:
        """What is wrong with the robot's log; empty: nothing was found, or it was said."""
        return self._log.problem

    @problem.setter
    def problem(self, text: str) -> None:
        self._log.problem = text

    def message(self, message: Signal) -> None:
        """Take what came over the socket; only audit messages are of interest."""
        if isinstance(message, Audit) and not self._texts.full():
            self._texts.put_nowait(message.data)

    def acted(self, name: str, arg: int) -> None:
        """The person pressed something."""
        self._log.acted(name, arg)

    def telemetry(self, telemetry: Telemetry) -> None:
        """What the robot shows. ValueError: a state that this version does not know."""
        state, cause = State(telemetry.state), Cause(telemetry.first_out)
        self._log.shown(state, cause, telemetry.epoch, telemetry.engagement)

    async def run(self, page: PageClient) -> None:
        """Store each second, answer the robot, show it a head every five seconds."""
        turn = 0
        while True:
            self._follow_joins(page)
            text = await self._next_text()
            if text:
                answer = self._log.take(text)
                if answer and await self._store():
                    await page.send(Audit(data=answer))
                continue
            stored = await self._store()
            turn += 1
            if stored and turn % SHOW_EVERY == 1:
                head = self._log.present()
                if head:
                    await page.send(Audit(data=head))

    def _follow_joins(self, page: PageClient) -> None:
        if page.joins != self._joins and page.welcome is not None:
            self._joins = page.joins
            self._log.joined(page.welcome.session)

    async def _next_text(self) -> str:
        """What the robot says within a second; empty: nothing."""
        try:
            async with asyncio.timeout(STORE_S):
                return await self._texts.get()
        except TimeoutError:
            return ""

    async def _store(self) -> bool:
        """Off the loop that sends commands: a disk may take its time."""
        self._log.book.collect()
        return await asyncio.to_thread(self._log.book.flush)

    def close(self) -> None:
        """The console leaves."""
        self._log.close()
