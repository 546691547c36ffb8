"""The real guard process: start, garbage, events, SIGSTOP, orphan, order of leaving."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from safety import messages as m
from safety.layout import Layout
from safety.states import Cause, EventKind, PermitKind, Source, State
from teleop import channels
from teleop.config import Config, Rates, write_run
from teleop.guard import setup
from teleop.guard.errors import SetupError
from teleop.guard.inputs import Events, Newest, Nonces
from transport.local.clock import now_ns
from transport.local.datagram import DatagramSender

pytestmark = pytest.mark.process


class Guard:
    """A guard process in its own run folder."""

    def __init__(self, run_dir: Path) -> None:
        self.run_dir = run_dir
        channels.create_all(run_dir)
        write_run(run_dir, Config(rates=Rates(control_hz=500, real_time=False)))
        (run_dir / "site.json").write_text(json.dumps({"simulated": True, "boot": 5}))
        self.reports = channels.box(run_dir, channels.GUARD_REPORT)
        self.permits = channels.box(run_dir, channels.PERMIT)
        self.enables = channels.box(run_dir, channels.ARM_ENABLE)
        self.arm = channels.box(run_dir, channels.ARM_STATE)
        self.start()

    def start(self) -> None:
        read, self.life = os.pipe()
        command = [sys.executable, "-m", "teleop.guard", "--run", str(self.run_dir), "--life",
                   str(read), "--bedside-input", str(self.run_dir / "bedside.sock")]  # fmt: skip
        self.process = subprocess.Popen(command, pass_fds=(read,))
        os.close(read)
        start = now_ns()
        self.until(lambda: self.stamp() > start)

    def stamp(self) -> int:
        item = self.reports.read()
        return item[1].stamp_ns if item else 0

    def report(self) -> m.GuardReport:
        item = self.reports.read()
        assert item is not None
        report: m.GuardReport = item[1]
        return report

    def until(self, condition: Callable[[], bool], seconds: float = 20.0) -> None:
        end = now_ns() + int(seconds * 1e9)
        pause = threading.Event()
        while not condition():
            assert self.process.poll() is None, "guard ended"
            assert now_ns() < end, "not in time"
            pause.wait(0.002)

    def event(self, kind: EventKind, arg: int = 1, source: Source = Source.BEDSIDE_PAGE) -> None:
        sender = DatagramSender(self.run_dir / channels.GUARD_EVENTS)
        assert sender.send(m.GUARD_EVENT.pack(m.GuardEvent(kind, source, arg, 0, now_ns(), 1)))
        sender.close()

    def notes(self) -> list[dict[str, object]]:
        ring = channels.ring_reader(self.run_dir, channels.NOTES["guard"], from_oldest=True)
        return [json.loads(data[8:]) for _, data in ring.read()]

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.life)


@pytest.fixture
def guard(tmp_path: Path) -> Iterator[Guard]:
    process = Guard(tmp_path)
    yield process
    process.close()


def test_it_starts_silent_logs_every_step_and_leaves_when_told(guard: Guard) -> None:
    guard.until(lambda: guard.report().cycle > 20)
    assert guard.report().state == State.INIT
    assert guard.report().epoch >> 32 == 5
    permit = guard.permits.read()
    assert permit is not None
    assert permit[1].kind == PermitKind.NONE
    log = channels.ring_reader(guard.run_dir, channels.GUARD_LOG, from_oldest=True)
    steps = [m.GUARD_STEP.unpack(data) for _, data in log.read()]
    assert [s.outputs.report.cycle for s in steps] == list(range(1, len(steps) + 1))
    snapshots = channels.ring_reader(guard.run_dir, channels.GUARD_SNAPSHOT, from_oldest=True)
    stamp = int.from_bytes(snapshots.read()[0][1][:8], "little")
    assert stamp == steps[0].inputs.now_ns, "the state after the first step"
    os.kill(guard.process.pid, signal.SIGINT)
    os.kill(guard.process.pid, signal.SIGTERM)
    assert guard.process.wait(5) == 0
    assert [note["kind"] for note in guard.notes()] == ["started", "left"]
    enable = guard.enables.read()
    assert enable is not None
    assert (enable[1].power, enable[1].brake) == (False, True)


def test_the_log_replays_bit_by_bit(guard: Guard) -> None:
    from safety.core import GuardCore
    from safety.limits import Limits

    guard.event(EventKind.STOP)
    guard.until(lambda: guard.report().state == State.SAFE_STOP)
    log = channels.ring_reader(guard.run_dir, channels.GUARD_LOG, from_oldest=True)
    records = [data for _, data in log.read()]
    core = GuardCore(Limits(), simulated=True)
    for data in records:
        step = m.GUARD_STEP.unpack(data)
        again = m.GUARD_STEP.pack(m.GuardStep(step.inputs, core.step(step.inputs)))
        assert again == data


def test_garbage_on_its_socket_is_counted_and_changes_nothing(guard: Guard) -> None:
    rng = random.Random(3)
    client = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    client.connect(str(guard.run_dir / channels.GUARD_EVENTS))
    size = m.GUARD_EVENT.size
    for n in range(1200):
        length = size if n % 2 else rng.randrange(0, 3000)
        client.send(rng.randbytes(length))
    forged = m.GuardEvent(EventKind.ESTOP, Source.BEDSIDE_KEY, 1, 0, 0, 0)
    client.send(m.GUARD_EVENT.pack(forged))
    client.close()
    seen = guard.report().cycle
    guard.until(lambda: guard.report().cycle > seen + 200)
    assert guard.report().state == State.INIT
    os.kill(guard.process.pid, signal.SIGTERM)
    guard.process.wait(5)
    refused = guard.notes()[-1]["refused"]
    assert isinstance(refused, int)
    assert refused > 1000


def test_the_key_works_without_anybody_else(guard: Guard) -> None:
    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    client.connect(str(guard.run_dir / "bedside.sock"))
    guard.until(lambda: guard.report().bedside_input)
    client.send(b"e")
    guard.until(lambda: guard.report().state == State.ESTOP)
    assert guard.report().first_out == Cause.BEDSIDE_ESTOP
    client.close()
    guard.until(lambda: not guard.report().bedside_input)


def test_a_powered_arm_at_the_start_means_safe_stop(tmp_path: Path) -> None:
    channels.create_all(tmp_path)
    stop = threading.Event()
    blank = m.ARM_STATE.unpack(bytes(m.ARM_STATE.size))
    box = channels.box(tmp_path, channels.ARM_STATE)

    def arm() -> None:
        while not stop.is_set():
            now = now_ns()
            box.write(
                replace(
                    blank,
                    incarnation=1,
                    stamp_ns=now,
                    powered=True,
                    braked=True,
                    force_valid=True,
                    force_stamp_ns=now,
                )
            )
            stop.wait(0.002)

    thread = threading.Thread(target=arm)
    thread.start()
    guard = Guard(tmp_path)
    try:
        guard.until(lambda: guard.report().state == State.SAFE_STOP)
        assert guard.report().first_out == Cause.GUARD_RESTARTED
        assert guard.report().permit == PermitKind.NONE
    finally:
        stop.set()
        thread.join()
        guard.close()


def test_a_killed_guard_never_uses_an_epoch_again(guard: Guard) -> None:
    first = guard.report().epoch
    guard.process.kill()
    guard.process.wait()
    os.close(guard.life)
    guard.start()
    assert guard.report().epoch >> 32 == (first >> 32) + 1


def test_without_its_supervisor_it_stops_and_leaves(guard: Guard) -> None:
    os.close(guard.life)
    try:
        assert guard.process.wait(10) == 0
        assert guard.report().state == State.SAFE_STOP
        assert guard.report().first_out == Cause.SUPERVISOR_LOST
    finally:
        guard.life = os.open(os.devnull, os.O_RDONLY)


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        ("limits.json", "{", "limits.json"),
        ("limits.json", "[]", "not a JSON object"),
        ("limits.json", '{"loop_ms": 60}', "only for a simulated arm"),
        ("limits.json", '{"force_trip_n": 26}', "force_trip_n"),
        ("limits.json", '{"nonsense": 1}', "nonsense"),
        ("site.json", "nothing", "site.json"),
        ("config.json", '{"rates": 5}', "rates|attribute"),
        ("config.json", '{"rates": {"control_hz": "many"}}', "many"),
    ],
)
def test_a_wrong_run_folder_is_refused_in_words(
    tmp_path: Path, file: str, content: str, words: str
) -> None:
    write_run(tmp_path, Config())
    (tmp_path / "site.json").write_text('{"simulated": false, "boot": 1}')
    assert setup.read(tmp_path).limits.loop_ms == 50.0
    (tmp_path / file).write_text(content)
    with pytest.raises(SetupError, match=words):
        setup.read(tmp_path)


def test_a_guard_that_cannot_start_says_why(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "teleop.guard", "--run", str(tmp_path)],
        capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "teleop demo" in done.stderr


def test_stops_overtake_other_events_but_not_each_other(tmp_path: Path) -> None:
    events = Events(tmp_path / "events")
    for serial, (kind, arg) in enumerate(
        [(EventKind.LIFT, 1), (EventKind.STOP, 1), (EventKind.DISCOMFORT, 1), (EventKind.STOP, 0)]
    ):
        events.put(m.GuardEvent(kind, Source.BEDSIDE_PAGE, arg, 0, 0, serial))
    assert [e.serial for e in events.take()] == [1, 3, 0, 2]
    for serial in range(400):
        events.put(m.GuardEvent(EventKind.LIFT, Source.BEDSIDE_PAGE, 1, 0, 0, serial))
    assert events.refused == 400 - 256
    events.put(m.GuardEvent(EventKind.STOP, Source.BEDSIDE_PAGE, 1, 0, 0, 999))
    assert events.take()[0].serial == 999
    events.close()


def test_an_undecodable_message_keeps_the_old_one(tmp_path: Path) -> None:
    channels.create_all(tmp_path)
    newest: Newest[m.GatewayStatus] = Newest(tmp_path, channels.GATEWAY_STATUS)
    newest.look()
    assert newest.seq == 0
    layout: Layout[m.GatewayStatus] = m.GATEWAY_STATUS
    raw = channels.raw_box(tmp_path, channels.GATEWAY_STATUS)
    raw.write(bytes(layout.size))
    newest.look()
    raw.write(b"short")
    newest.look()
    assert (newest.seq, newest.broken) == (1, 1)


def test_nonces_do_not_repeat_in_a_row() -> None:
    nonces = Nonces()
    drawn = [nonces.take() for _ in range(3000)]
    assert len(set(drawn)) > 2990
