"""Decides what of a datagram goes where (no socket, no clock).

The order: size, session, rate, signature, replay, age, and only then content. A frame goes to guard
when its session holds the lease; guard judges it again, by the console's own key. Everything that
passed the first checks is told to gateway.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from safety.frame import FrameError, unpack
from safety.messages import FRAME_BYTES
from teleop.uplink.messages import MOST_BODY_BYTES, Address, Arrival, Flow, Table
from transport.datagrams import Kind, Opened, Opener, Refusal, session_of
from transport.multilink import Copy, FirstCopy
from transport.repeat import unmarked


class Seen(Protocol):
    """What guard was given by the process beside us."""

    def tell(self, session: int, stream: FirstCopy) -> None:
        """Mark it as seen in the stream of a session."""


class Judge:
    """All consoles that may send datagrams; nobody until a table says so."""

    def __init__(
        self,
        to_guard: Callable[[bytes], object],
        beside: Seen,
        tell: Callable[[Arrival], None],
        clock: Callable[[], int],
    ) -> None:
        """`to_guard` takes a frame, `tell` what gateway learns afterwards."""
        self._to_guard = to_guard
        self._beside = beside
        self._tell = tell
        self._clock = clock
        self._drives = 0
        self._flows: dict[tuple[int, int], tuple[bytes, Opener]] = {}
        """By session and link: key and what was heard under it."""
        self._streams: dict[int, FirstCopy] = {}
        self.refused = dict.fromkeys(Refusal, 0)

    def follow(self, table: Table) -> None:
        """From now on only what this table names is heard."""
        flows = {}
        for row in table.flows:
            known = self._flows.get((row.session, row.link))
            same = known is not None and known[0] == row.key
            flows[row.session, row.link] = known if known and same else (row.key, _opener(row))
        sessions = {row.session for row in table.flows}
        self._flows = flows
        self._streams = {s: self._streams.get(s) or FirstCopy() for s in sessions}
        self._drives = table.drives

    def take(self, link: int, data: bytes, address: Address, at_ns: int) -> None:
        """Judge one datagram; nothing of a bad one is used."""
        session = session_of(data)
        flow = self._flows.get((session, link))
        if flow is None:
            self.refused[Refusal.SESSION] += 1
            return
        opened = flow[1].open(data, at_ns)
        if isinstance(opened, Refusal) or opened.kind is not Kind.COMMAND:
            self.refused[opened if isinstance(opened, Refusal) else Refusal.FORMAT] += 1
            return
        handed = session == self._drives and self._frame(session, opened)
        body = opened.body if len(opened.body) <= MOST_BODY_BYTES else b""
        self._tell(
            Arrival(at_ns, self._clock() if handed else 0, opened.epoch, opened.number, session,
                    link, address, body)
        )  # fmt: skip

    def _frame(self, session: int, opened: Opened) -> bool:
        """Give guard a frame that is the newest of its stream; True: given."""
        data, again = unmarked(opened.body, FRAME_BYTES)
        if len(data) != FRAME_BYTES:
            return False
        try:
            frame = unpack(data)
        except FrameError:
            if not again:
                self._to_guard(data)  # guard refuses and counts it
            return not again
        stream = self._streams[session]
        self._beside.tell(session, stream)
        if stream.take(frame.epoch, frame.seq) is not Copy.NEWEST:
            return False
        self._to_guard(data)
        return True


def _opener(row: Flow) -> Opener:
    newest = (row.epoch, row.number) if row.epoch >= 0 else None
    return Opener(row.key, row.session, newest)
