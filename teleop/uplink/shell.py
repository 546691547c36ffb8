"""The loop: sleeps until a datagram, a table or the end comes; nothing is polled.

One thread, one epoll. A datagram is read, judged and handed to guard before the next is looked at.
"""

from __future__ import annotations

import json
import os
import select
import signal
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path

from teleop import channels
from teleop.uplink.beside import Beside
from teleop.uplink.control import Control, TableError
from teleop.uplink.judge import Judge
from teleop.uplink.messages import Arrival, Table, pack
from teleop.uplink.ports import Port
from transport.local.clock import now_ns
from transport.local.lateness import Histogram
from transport.local.life import Life
from transport.local.realtime import RealTime
from transport.local.timing import TimingTeller

IDLE_S = 1.0
"""Timing is told once per second, also while nothing comes."""
ACCOUNT_NS = 1_000_000_000


class UplinkShell:
    """One run of the process. It is its own account of time (`transport/local/timing.py`)."""

    def __init__(self, run_dir: Path) -> None:
        self._run_dir = run_dir
        frames = channels.raw_box(run_dir, channels.DATAGRAM_FRAME)
        self._arrivals = channels.ring_writer(run_dir, channels.DATAGRAM_ARRIVALS)
        self._notes = channels.ring_writer(run_dir, channels.NOTES["uplink"])
        beside = Beside(run_dir, channels.COMMAND_FRAME)
        self._judge = Judge(frames.write, beside, self._tell, now_ns)
        self._control = Control(run_dir)
        self._epoll = select.epoll()
        self._ready: dict[int, Callable[[], object]] = {}
        self._ports: list[Port] = []
        self._resting: list[Port] = []
        self._line = -1
        self._refused = 0
        self._account_ns = 0
        self.period_ns = 0
        """No period: it wakes when something comes."""
        self.cycle = 0
        """Datagrams read."""
        self.overruns = 0
        """How often a socket was left alone because its rate was used up."""
        self.late = Histogram()
        """From the kernel's receipt of a datagram to its first byte here."""
        self.busy = Histogram()
        """From there until it was judged, handed on and told."""

    def run(self, life: Life, life_fd: int | None, granted: RealTime) -> None:
        """Serve until told to leave."""
        self.note(kind="started", **asdict(granted))
        timing = TimingTeller(self._run_dir / channels.TIMING["uplink"].name, granted)
        woken, wake = os.pipe()
        for fd in (woken, wake):
            os.set_blocking(fd, False)
        signal.set_wakeup_fd(wake)
        for fd in (woken, *(() if life_fd is None else (life_fd,))):
            self._epoll.register(fd, select.EPOLLIN)
        self._listen(self._control.listener(), self._called)
        while not life.leaving():
            self._wait()
            at_ns = now_ns()
            timing.tell(at_ns, self)
            self._resume(at_ns)
            self._account(at_ns)
        self.note(kind="left", refused=self._refused, collections=timing.collected())
        self._control.close()

    def note(self, **content: object) -> None:
        """Write a note for the recording."""
        self._notes.write(
            now_ns().to_bytes(8, "little", signed=True) + json.dumps(content).encode()
        )

    def _wait(self) -> None:
        """Sleep; then serve what woke us: datagrams until they are read, and who calls."""
        patience_s = IDLE_S
        if self._resting:
            due_ns = min(port.resume_ns for port in self._resting)
            patience_s = max(0.0, (due_ns - now_ns()) / 1e9)
        for fd, _ in self._epoll.poll(patience_s):
            serve = self._ready.get(fd)
            if serve is not None:
                serve()

    def _listen(self, fd: int, serve: Callable[[], object]) -> None:
        self._ready[fd] = serve
        self._epoll.register(fd, select.EPOLLIN)

    def _ignore(self, fd: int) -> None:
        if self._ready.pop(fd, None) is not None:
            self._epoll.unregister(fd)

    def _receive(self, port: Port) -> None:
        got = port.read()
        if got is None:
            if port.resume_ns:
                self._ignore(port.fileno())
                self._resting.append(port)
                self.overruns += 1
            return
        self.cycle += 1
        if got.waited_ns >= 0:
            self.late.add(got.waited_ns)
        self._judge.take(port.link, got.data, got.address, got.at_ns)
        self.busy.add(now_ns() - got.at_ns)

    def _tell(self, arrival: Arrival) -> None:
        self._arrivals.write(pack(arrival))

    def _resume(self, at_ns: int) -> None:
        """Listen again to sockets whose pause is over."""
        for port in [p for p in self._resting if p.resume_ns <= at_ns]:
            self._resting.remove(port)
            self._hear(port)

    def _hear(self, port: Port) -> None:
        port.resume_ns = 0
        self._listen(port.fileno(), partial(self._receive, port))

    def _called(self) -> None:
        """A gateway calls; the one before counts as gone."""
        self._hang_up()
        self._line = self._control.accept()
        if self._line >= 0:
            self._listen(self._line, self._told)

    def _told(self) -> None:
        """A table came, or gateway is gone."""
        try:
            got = self._control.read()
        except TableError as error:
            self.note(kind="table", problem=str(error))
            got = None
        if got is None:
            self._hang_up()
            return
        table, sockets = got
        for link, one in enumerate(sockets):
            self._ports.append(Port(one, link))
            self._hear(self._ports[-1])
        self._judge.follow(table)
        for port in self._ports:
            port.admit(flow.session for flow in table.flows)

    def _hang_up(self) -> None:
        """From now on nobody is heard."""
        self._judge.follow(Table())
        for port in self._ports:
            self._ignore(port.fileno())
            port.close()
        self._ports.clear()
        self._resting.clear()
        self._ignore(self._line)
        self._control.hang_up()

    def _account(self, at_ns: int) -> None:
        """Note once per second what was refused, when it was more than before."""
        if at_ns < self._account_ns:
            return
        self._account_ns = at_ns + ACCOUNT_NS
        refused = self._judge.refused
        if sum(refused.values()) != self._refused:
            self._refused = sum(refused.values())
            self.note(kind="refused", **{reason.name: count for reason, count in refused.items()})
