"""The loop of an emulator process: one select, one heap, commands on standard input."""

from __future__ import annotations

import os
import select
import signal
import struct
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

from bench.links.control import (
    Answer,
    Begin,
    Command,
    ControlError,
    Cut,
    Ended,
    Ready,
    Restart,
    Unframer,
    frame,
)
from bench.links.report import EmulatorReport, LaneReport
from bench.links.shaper import Corrupt, Lane, Send, Shaper
from transport.impair import Path as LinkPath
from transport.impair import PathProfile, paths
from transport.local.clock import now_ns
from transport.local.realtime import go_real_time

PRIORITY = 20
"""SCHED_FIFO priority of the emulator: below the robot's loops, above everything ordinary."""
IDLE_S = 0.5
BATCH = 32
"""Packets read from one source before what is due is sent."""
LOG_RECORD = struct.Struct("<BBiqqq")
"""link, direction (0 up, 1 down), bytes, sent ns, due ns (-1: lost), second due ns (-1: none)."""
LOG_LIMIT = 2_000_000
DIRECTIONS = ("up", "down")

Reader = Callable[[], bool]
"""Reads one packet and hands it on; False: there is none."""


class InputEnded(Exception):  # noqa: N818 - no error: whoever started us is done or gone
    """Standard input is closed."""


class Pump:
    """Lanes, sources and the clock of one emulator."""

    def __init__(self, begin: Begin, kind: str, corrupt: Corrupt) -> None:
        self.begin = begin
        self.stray = 0
        """Packets that belong to no link."""
        self._kind = kind
        self._shaper = Shaper(corrupt)
        self._input = Unframer()
        self._sources: dict[int, Reader] = {}
        self._watched = [sys.stdin.fileno()]
        self._log: list[bytes] = []
        self._fifo = False
        self._start_links()

    def _start_links(self) -> None:
        self._origin_ns = now_ns()
        self._links: list[LinkPath] = paths(self.begin.links, self.begin.seed, self._origin_ns)
        self._lanes = [(Lane(path.up), Lane(path.down)) for path in self._links]
        self._log.clear()

    def read_from(self, descriptor: int, reader: Reader) -> None:
        """Call `reader` when the descriptor has something to read."""
        self._sources[descriptor] = reader
        self._watched.append(descriptor)

    def carry(self, link: int, direction: int, data: bytes, size_bytes: int, send: Send) -> None:
        """One packet came in at one end of a link (direction 0: up, 1: down)."""
        now = now_ns()
        fate = self._shaper.take(self._lanes[link][direction], data, size_bytes, now, send)
        if self.begin.log_file and len(self._log) < LOG_LIMIT:
            first, second = (*fate.due_ns, -1, -1)[:2]
            self._log.append(LOG_RECORD.pack(link, direction, size_bytes, now, first, second))

    def run(self, ports: tuple[int, ...] = ()) -> None:
        """Carry packets until standard input ends; answer there with the report."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for whoever started us
        self._fifo = go_real_time(PRIORITY).fifo
        self._start_links()
        _answer(Ready(self._origin_ns, self._fifo, ports))
        try:
            while True:
                self._turn()
        except InputEnded:
            if self.begin.log_file:
                Path(self.begin.log_file).write_bytes(b"".join(self._log))
            _answer(Ended(self.report()))

    def _turn(self) -> None:
        due_ns = self._shaper.next_due_ns()
        wait_s = IDLE_S if due_ns is None else max(0.0, min(IDLE_S, (due_ns - now_ns()) / 1e9))
        ready, _, _ = select.select(self._watched, [], [], wait_s)
        self._shaper.release(now_ns())
        for descriptor in ready:
            if descriptor == sys.stdin.fileno():
                self._obey()
                continue
            reader = self._sources[descriptor]
            for _ in range(BATCH):
                if not reader():
                    break
            self._shaper.release(now_ns())

    def _obey(self) -> None:
        data = os.read(sys.stdin.fileno(), 65536)
        if not data:
            raise InputEnded
        for command in self._input.commands(data):
            self._do(command)

    def _do(self, command: Command) -> None:
        if isinstance(command, Cut):
            self._links[command.link].cut(up=command.up, down=command.down)
        elif isinstance(command, Restart):
            if command.links:
                self._replace(command.links)
            self._start_links()
            _answer(Ready(self._origin_ns, self._fifo))
        else:
            raise ControlError("begun already")

    def _replace(self, links: tuple[PathProfile, ...]) -> None:
        if len(links) != len(self.begin.links):
            raise ControlError(f"{len(links)} profiles for {len(self.begin.links)} links")
        self.begin = msgspec.structs.replace(self.begin, links=links)

    def report(self) -> EmulatorReport:
        """What happened so far."""
        lanes = tuple(
            _lane_report(index, direction, lane)
            for index, both in enumerate(self._lanes)
            for direction, lane in zip(DIRECTIONS, both, strict=True)
        )
        begin = self.begin
        return EmulatorReport(begin.scenario, begin.seed, self._kind, self._fifo, self.stray, lanes)


def _lane_report(link: int, direction: str, lane: Lane) -> LaneReport:
    p50_us, p99_us, p999_us = lane.lateness.percentiles_us((0.5, 0.99, 0.999))
    return LaneReport(
        link=link,
        direction=direction,
        sent=lane.link.sent,
        passed=lane.passed,
        passed_bytes=lane.passed_bytes,
        drops={str(cause): count for cause, count in lane.link.drops.items()},
        unsent=lane.unsent,
        late_p50_us=p50_us,
        late_p99_us=p99_us,
        late_p999_us=p999_us,
        late_max_us=lane.lateness.max_ns / 1e3,
    )


def _answer(message: Answer) -> None:
    sys.stdout.buffer.write(frame(message))
    sys.stdout.buffer.flush()


def read_begin() -> Begin:
    """The first message on standard input."""
    unframer = Unframer()
    while data := os.read(sys.stdin.fileno(), 1 << 20):
        for command in unframer.commands(data):
            if not isinstance(command, Begin):
                raise ControlError(f"expected Begin, got {type(command).__name__}")
            return command
    raise ControlError("nobody said what to emulate")
