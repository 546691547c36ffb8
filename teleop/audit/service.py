"""The audit process: follows guard and the notes, stores, and talks to consoles by the gateway."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from pathlib import Path

import msgspec

from teleop import channels
from teleop.audit import consent
from teleop.audit.book import Book
from teleop.audit.desk import Desk
from teleop.audit.follow import Fact, GuardWatch, noted
from teleop.audit.lines import Kind
from teleop.audit.messages import ERROR_FILE, MAX_LINE, SOCKET, Begin, FromGateway, Passed
from teleop.gateway.life import Life
from transport.local.ring import RingReader

LOOK_S = 0.05
STORE_EVERY = 20
"""Looks per second: what happened is signed within a second."""
SHOW_EVERY = 100
"""Looks in five seconds: heads are exchanged with the other sites."""
LINGER = 2
"""Looks after the end was announced: guard's own stop, when the supervisor is gone, is seen."""
AGAIN_NS = 100_000_000
"""After a restart, what happened this long before the last stored entry is taken again."""

_decoder = msgspec.json.Decoder(FromGateway)


class Rings:
    """Everything that is followed; what was overwritten before it was read is counted."""

    def __init__(self, run_dir: Path, since_ns: int) -> None:
        self._since_ns = since_ns
        self._watch = GuardWatch()
        self._guard = channels.ring_reader(run_dir, channels.GUARD_LOG, from_oldest=True)
        self._notes = [
            (name, channels.ring_reader(run_dir, channels.NOTES[name], from_oldest=True))
            for name in ("gateway", "supervisor")
        ]
        self._lost = 0

    def read(self) -> list[tuple[int, Fact]]:
        """New facts with their stamps."""
        out: list[tuple[int, Fact]] = []
        for _, step in self._guard.read():
            out += ((_stamp(step), fact) for fact in self._watch.step(step))
        for name, ring in self._notes:
            for _, note in ring.read():
                fact = noted(name, note[8:])
                if fact is not None:
                    out.append((_stamp(note), fact))
        readers: list[RingReader] = [self._guard, *(ring for _, ring in self._notes)]
        lost = sum(reader.lost for reader in readers)
        if lost > self._lost:
            out.append((0, Fact(Kind.LOST, value=lost - self._lost)))
            self._lost = lost
        out.sort(key=lambda item: item[0])
        return [item for item in out if item[0] == 0 or item[0] > self._since_ns]


def _stamp(payload: bytes) -> int:
    return int.from_bytes(payload[:8], "little", signed=True)


class AuditService:
    """Everything of one run."""

    def __init__(self, run_dir: Path, book: Book, boot: int) -> None:
        self._run_dir = run_dir
        self._book = book
        self._desk = Desk(book)
        self._writer: asyncio.StreamWriter | None = None
        self._told = ""
        since_ns = self._open(boot)
        self._rings = Rings(run_dir, since_ns)

    def _open(self, boot: int) -> int:
        """Note the start; returns up to when this run is in the log already."""
        old = self._book.stored
        opened = next((e for e in reversed(old) if e.kind is Kind.OPENED), None)
        again = opened is not None and opened.value == boot and old[-1].kind is not Kind.CLOSED
        crashed = bool(old) and old[-1].kind is not Kind.CLOSED
        self._book.add(Kind.OPENED, value=boot, detail="not_closed_before" if crashed else "")
        if again:
            assert opened is not None
            return max(e.mono_ns for e in old[opened.n :]) - AGAIN_NS
        path = self._run_dir / consent.CONSENT_FILE
        if path.exists():
            given = consent.read(path)
            scopes = " ".join(given.scopes)
            self._book.add(
                Kind.CONSENT, name=given.number, value=int(given.simulated), detail=scopes
            )
        return 0

    async def run(self, life: Life) -> None:
        """Work until told to leave."""
        path = self._run_dir / SOCKET
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
        self._book.store()
        server = await asyncio.start_unix_server(self._talk, str(path), limit=MAX_LINE)
        path.chmod(0o600)
        looks = 0
        while not life.ended.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await life.ended.wait()
            self._look()
            looks += 1
            if looks % STORE_EVERY == 0:
                self._book.store()
                self._complain()
            if looks % SHOW_EVERY == 0:
                self._show()
        server.close()
        for _ in range(LINGER):
            await asyncio.sleep(LOOK_S)
            self._look()
        self._book.add(Kind.CLOSED)

    def _look(self) -> None:
        for stamp_ns, fact in self._rings.read():
            self._book.add(
                fact.kind, fact.session, fact.name, fact.value, fact.detail, at_ns=stamp_ns
            )

    def _complain(self) -> None:
        """Tell the person at the robot what is wrong, as long as it is."""
        disk = f"{self._book.path}: {self._book.error}; entries wait in memory"
        problem = disk if self._book.error else self._desk.problem
        if problem == self._told:
            return
        self._told = problem
        file = self._run_dir / ERROR_FILE
        if problem:
            sys.stderr.write(f"{problem}\n")
        try:
            if problem:
                file.write_text(problem, "utf-8")
            else:
                file.unlink(missing_ok=True)
        except OSError as error:  # the run folder is gone, and with it everybody who would read it
            sys.stderr.write(f"{file}: {error}\n")

    def _show(self) -> None:
        for session, text in self._desk.present():
            self._send(session, text)

    def _send(self, session: int, text: str) -> None:
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(msgspec.json.encode(Passed(session, text)) + b"\n")

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One gateway at a time; a restarted one replaces the one before."""
        self._writer = writer
        try:
            while line := await reader.readline():
                self._take(line)
        except (ConnectionError, ValueError) as error:  # msgspec's errors are ValueErrors
            sys.stderr.write(f"gateway: {error}\n")
        finally:
            writer.close()

    def _take(self, line: bytes) -> None:
        message = _decoder.decode(line)
        if isinstance(message, Begin):
            self._desk.begin(message.session)
            self._show()
        elif isinstance(message, Passed):
            answer = self._desk.take(message.session, message.data)
            if answer:
                self._send(message.session, answer)
        else:
            self._desk.end(message.session)
