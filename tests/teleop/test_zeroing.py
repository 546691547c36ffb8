"""`teleop zero-force`: what is asked of guard, and what the person is told."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from safety import messages as m
from safety.states import EventKind, Source, State
from teleop import channels
from teleop.cli import zeroing
from teleop.cli.zeroing import ZeroError, find_run, zero_force
from teleop.supervisor.rundir import PREFIX
from transport.local.clock import now_ns
from transport.local.datagram import DatagramReceiver

REPORT = m.GUARD_REPORT.unpack(bytes(m.GUARD_REPORT.size))
ARM = m.ARM_STATE.unpack(bytes(m.ARM_STATE.size))


class Session:
    """The channels of a session; the arm answers a request as `answer` says."""

    def __init__(self, run_dir: Path) -> None:
        channels.create_all(run_dir)
        self.run_dir = run_dir
        self.asked: list[m.GuardEvent] = []
        self.answer: Callable[[m.ArmState], m.ArmState] | None = None
        self.arm = replace(ARM, stamp_ns=now_ns(), force_n=(0.0, 0.0, 1.2), zero_serial=7)
        self._arms = channels.box(run_dir, channels.ARM_STATE)
        self._reports = channels.box(run_dir, channels.GUARD_REPORT)
        self._events = DatagramReceiver(run_dir / channels.GUARD_EVENTS)
        self._halt = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self, state: State) -> None:
        self._reports.write(replace(REPORT, state=state, stamp_ns=now_ns()))
        self._arms.write(self.arm)
        self._thread.start()

    def _run(self) -> None:
        while not self._halt.wait(0.005):
            new = [m.GUARD_EVENT.unpack(raw) for raw in self._events.receive()]
            self.asked += new
            if new and self.answer is not None:
                self._arms.write(self.answer(self.arm))

    def close(self) -> None:
        self._halt.set()
        if self._thread.is_alive():
            self._thread.join()
        self._events.close()


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    found = Session(tmp_path)
    yield found
    found.close()


def answered(**changes: Any) -> Callable[[m.ArmState], m.ArmState]:
    return lambda arm: replace(arm, **changes)


@pytest.mark.parametrize("state", [State.IDLE, State.LOCAL])
def test_the_bedside_asks_and_reads_the_new_force(session: Session, state: State) -> None:
    session.answer = answered(zero_serial=8, zero_ok=True, force_n=(0.0, 0.0, 0.01))
    session.start(state)
    assert zero_force(session.run_dir) == 0.01
    assert [(e.kind, e.source) for e in session.asked] == [
        (EventKind.FORCE_ZERO, Source.BEDSIDE_KEY)
    ]


def test_a_refusal_of_the_box_says_what_to_do(session: Session) -> None:
    session.answer = answered(zero_serial=8, zero_ok=False)
    session.start(State.IDLE)
    with pytest.raises(ZeroError, match="3 N from the stored bias; lift the probe"):
        zero_force(session.run_dir)


def test_a_refusal_of_guard_is_told_as_well(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zeroing, "WAIT_S", 0.2)
    session.start(State.LOCAL)
    with pytest.raises(ZeroError, match="must rest"):
        zero_force(session.run_dir)
    assert len(session.asked) == 1


@pytest.mark.parametrize("state", [State.ACTIVE, State.HOLD, State.ARMED])
def test_in_another_state_guard_is_not_even_asked(session: Session, state: State) -> None:
    session.start(state)
    with pytest.raises(ZeroError, match=state.name):
        zero_force(session.run_dir)
    assert session.asked == []


def test_a_session_that_has_measured_nothing_yet(session: Session) -> None:
    with pytest.raises(ZeroError, match="no measurements yet"):
        zero_force(session.run_dir)


def test_the_one_session_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zeroing, "parent_folder", lambda: tmp_path)
    with pytest.raises(ZeroError, match="0 sessions"):
        find_run(None)
    for name in ("a", "b"):
        folder = tmp_path / f"{PREFIX}{name}"
        folder.mkdir()
        (folder / channels.GUARD_EVENTS).touch()
        if name == "a":
            assert find_run(None) == folder
    with pytest.raises(ZeroError, match="2 sessions"):
        find_run(None)
    assert find_run(tmp_path) == tmp_path
