"""The audit process: follows the rings, talks to a console, survives being killed."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from audit_samples import EXPERT_KEY, site
from record_samples import guard_step

from safety import messages as m
from teleop import channels
from teleop.audit.book import LOG_FILE, Book
from teleop.audit.expert import ExpertLog
from teleop.audit.lines import Entry, Kind
from teleop.audit.messages import ERROR_FILE, SOCKET, Begin, FromGateway, Passed
from teleop.audit.read import parse
from teleop.audit.verify import verify
from teleop.audit.witness import to_text
from teleop.supervisor.notes import Notes
from transport.local.clock import now_ns

pytestmark = pytest.mark.process


def until(done: Callable[[], bool]) -> None:
    end = now_ns() + 60_000_000_000
    while not done():
        assert now_ns() < end
        threading.Event().wait(0.01)


class Run:
    """The process with its run folder and the site's state."""

    def __init__(self, tmp_path: Path) -> None:
        self.run, self.state = tmp_path / "run", tmp_path / "site-demo"
        channels.create_all(self.run)
        (self.run / "site.json").write_text('{"simulated": true, "site": "demo", "boot": 3}')
        self.guard = channels.ring_writer(self.run, channels.GUARD_LOG)
        self.notes = Notes(self.run, "gateway")
        self.start()

    def start(self) -> None:
        (self.run / SOCKET).unlink(missing_ok=True)
        read, self.life = os.pipe()
        command = [sys.executable, "-m", "teleop.audit", "--run", str(self.run)]
        self.process = subprocess.Popen(
            [*command, "--life", str(read), "--state", str(self.state)], pass_fds=(read,)
        )
        os.close(read)
        until((self.run / SOCKET).exists)

    def step(self, number: int) -> None:
        step = guard_step(number)
        inputs = dataclasses.replace(step.inputs, now_ns=now_ns())
        self.guard.write(m.GUARD_STEP.pack(dataclasses.replace(step, inputs=inputs)))

    def data(self) -> bytes:
        return (self.state / LOG_FILE).read_bytes()

    def entries(self) -> list[Entry]:
        return [entry for entry, _ in parse(self.data()).entries]

    def kinds(self) -> list[Kind]:
        return [entry.kind for entry in self.entries()]

    def end(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(60) == 0
        os.close(self.life)


class Gateway:
    """The gateway's end of the line, with a console behind it."""

    def __init__(self, run: Run, tmp_path: Path) -> None:
        self.log = ExpertLog(Book(tmp_path / "expert", "console-1"))
        self.log.joined(2)
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(str(run.run / SOCKET))
        self._lines = self._socket.makefile("rb")
        self.say(Begin(2))

    def say(self, message: FromGateway) -> None:
        self._socket.sendall(msgspec.json.encode(message) + b"\n")

    def exchange(self) -> None:
        """Answer the robot's head and show ours; the robot's answer is taken."""
        self.log.book.store()
        self.say(Passed(2, self.log.present()))
        for _ in range(2):
            passed = msgspec.json.decode(self._lines.readline(), type=Passed)
            answer = self.log.take(passed.data)
            if answer:
                self.log.book.store()
                self.say(Passed(2, answer))

    def close(self) -> None:
        self._lines.close()
        self._socket.close()
        self.log.close()


def test_what_happens_is_in_the_log_and_both_sites_agree(tmp_path: Path) -> None:
    run = Run(tmp_path)
    gateway = Gateway(run, tmp_path)
    run.notes.write(now_ns(), event="joined", session=2, role="console")
    for number in range(1, 13):  # ACTIVE, then HOLD by an old command
        run.step(number)
    until(lambda: Kind.STOPPED in run.kinds() and Kind.JOINED in run.kinds())
    gateway.exchange()
    until(lambda: Kind.COSIGNED in run.kinds())
    run.end()
    gateway.close()
    stopped = next(e for e in run.entries() if e.kind is Kind.STOPPED)
    assert (stopped.name, stopped.detail) == ("HOLD", "COMMAND_AGE")
    assert run.entries()[0].value == 3
    assert run.kinds()[-1] is Kind.CLOSED
    verdict = verify(run.data(), (tmp_path / "expert" / LOG_FILE).read_bytes())
    assert verdict.good, verdict
    assert min(verdict.witnessed_a, verdict.witnessed_b) > 0


def test_a_killed_process_goes_on_where_it_was_and_says_so(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.step(1)
    until(lambda: Kind.LIMITS in run.kinds())
    run.process.kill()
    run.process.wait(60)
    os.close(run.life)
    before = run.data()
    for number in range(2, 13):  # while nobody listens: the ring keeps it
        run.step(number)
    run.start()
    until(lambda: Kind.STOPPED in run.kinds())
    run.end()
    assert run.data().startswith(before)
    opened = [e for e in run.entries() if e.kind is Kind.OPENED]
    assert [e.detail for e in opened] == ["", "not_closed_before"]
    assert not parse(run.data()).found


def test_nonsense_on_its_socket_changes_nothing(tmp_path: Path) -> None:
    run = Run(tmp_path)
    for nonsense in (b"\xff\n", b"{}\n", b"x" * 100_000, json.dumps({"type": "end"}).encode()):
        with socket.socket(socket.AF_UNIX) as line:
            line.connect(str(run.run / SOCKET))
            try:
                line.sendall(nonsense)
                line.shutdown(socket.SHUT_WR)
                assert line.recv(100) == b"", "hung up"
            except ConnectionError:
                continue  # hung up while we were still sending
    gateway = Gateway(run, tmp_path)
    gateway.exchange()
    gateway.say(Passed(77, "{}"))  # a session that never joined
    gateway.say(Passed(2, "no head"))
    run.step(1)
    until(lambda: Kind.COSIGNED in run.kinds())
    run.end()
    gateway.close()
    assert not parse(run.data()).found


def test_it_leaves_and_closes_its_log_when_the_supervisor_is_gone(tmp_path: Path) -> None:
    run = Run(tmp_path)
    os.close(run.life)
    assert run.process.wait(60) == 0
    assert run.kinds()[-1] is Kind.CLOSED


def test_a_log_in_use_or_damaged_ends_the_start_with_words(tmp_path: Path) -> None:
    run = Run(tmp_path)
    again = subprocess.run(
        [sys.executable, "-m", "teleop.audit", "--run", str(run.run), "--state", str(run.state)],
        capture_output=True, text=True, check=False, timeout=240,
    )  # fmt: skip
    assert again.returncode == 2
    assert "a session of this site is writing it" in again.stderr
    run.end()


def test_a_console_that_rewrites_its_log_is_written_down_and_told(tmp_path: Path) -> None:
    run = Run(tmp_path)
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(str(run.run / SOCKET))
        line.sendall(msgspec.json.encode(Begin(2)) + b"\n")
        for value in (1, 2):  # two histories of one entry, both signed
            one = site("console-1", EXPERT_KEY)
            one.add(Kind.ACT, name="STOP", value=value)
            one.log.sign(one.ms)
            shown = one.witness.present()
            assert shown is not None
            line.sendall(msgspec.json.encode(Passed(2, to_text(shown))) + b"\n")
        until((run.run / ERROR_FILE).exists)
    assert "two histories of 1 entries" in (run.run / ERROR_FILE).read_text()
    run.end()
    assert Kind.FORKED in run.kinds()
