"""`teleop zero-force`: the person at the bedside says that the probe is in the air.

Runs on the robot's machine, for a session of the same user. Guard accepts it only in IDLE or LOCAL
with the arm at rest; the arm box only near its stored bias (docs/control.md).
"""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import Any

from safety.messages import GUARD_EVENT, ArmState, GuardEvent, GuardReport
from safety.states import EventKind, Source, State
from teleop import channels
from teleop.supervisor.rundir import PREFIX, parent_folder
from transport.local.clock import now_ns
from transport.local.datagram import DatagramSender
from transport.local.mailbox import Mailbox, MailboxError

WAIT_S = 3.0
STEP_S = 0.05


class ZeroError(RuntimeError):
    """The force was not zeroed; the message says why and what to do."""


def find_run(given: Path | None) -> Path:
    """The run folder of the one session that runs here; ZeroError: none, or more than one."""
    if given is not None:
        return given
    found = [p for p in parent_folder().glob(f"{PREFIX}*") if (p / channels.GUARD_EVENTS).exists()]
    if len(found) == 1:
        return found[0]
    how = "start one with `teleop demo`" if not found else "name one with --run"
    raise ZeroError(f"{len(found)} sessions run here; {how}")


def zero_force(run_dir: Path) -> float:
    """Ask for the zero; return the force (N) that is read after it."""
    try:
        arms, reports = (channels.box(run_dir, c)
                         for c in (channels.ARM_STATE, channels.GUARD_REPORT))  # fmt: skip
    except MailboxError as error:
        raise ZeroError(f"{run_dir}: {error}") from error
    before = _newest(arms)
    report: GuardReport = _newest(reports)
    if report.state not in (State.IDLE, State.LOCAL):
        raise ZeroError(
            f"the state is {report.state.name}: zero the force in IDLE (no expert connected) or "
            "LOCAL (the bedside has the arm)"
        )
    event = GuardEvent(EventKind.FORCE_ZERO, Source.BEDSIDE_KEY, 0, 0, now_ns(), now_ns())
    with contextlib.closing(DatagramSender(run_dir / channels.GUARD_EVENTS)) as guard:
        guard.send(GUARD_EVENT.pack(event))
    end_ns = now_ns() + round(WAIT_S * 1e9)
    while now_ns() < end_ns:
        time.sleep(STEP_S)
        arm: ArmState = _newest(arms)
        if arm.zero_serial != before.zero_serial:
            if not arm.zero_ok:
                raise ZeroError("refused: the arm moved, or the reading is more than 3 N from the "
                                "stored bias; lift the probe clear of everything")  # fmt: skip
            return arm.force_n[2]
    raise ZeroError("guard did not take it: the arm must rest, in IDLE or LOCAL")


def _newest(box: Mailbox[Any]) -> Any:
    item = box.read()
    if item is None:
        raise ZeroError("the session has no measurements yet; wait for it to start")
    return item[1]
