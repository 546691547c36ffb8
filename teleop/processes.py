"""The system as one table: which processes run, when, how they are scheduled, what watches them.

A process is started as `python -m MODULE --run RUN_DIR --life FD`; FD is the read end of a pipe
that the supervisor holds: when it closes, guard goes to SAFE_STOP and the others leave after
standstill. `phase` is the offset of a loop as a fraction of its period.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """One row of the process table."""

    name: str
    module: str
    fifo: int
    """SCHED_FIFO priority where allowed; 0 = normal scheduling. Media is below all loops: a picture
    takes 10 ms of a processor, which others stretched to 20 or 30 (ADR 0017)."""
    nice: int
    """Where allowed. 0 for gateway: before a browser on the same two cores it starves it, and the
    expert's pictures come late by up to a second."""
    safety: bool
    """True: a crash ends in a stop that needs both people. False: it is restarted."""
    foreground: bool
    """Stays in the terminal's foreground process group (guard reads the bedside key)."""
    phase: float = 0.0


TABLE: tuple[ProcessSpec, ...] = (
    ProcessSpec("arm", "robot_sim.box", 45, -10, True, False, 0.0),
    ProcessSpec("guard", "teleop.guard", 50, -10, True, True, 0.33),
    ProcessSpec("servo", "teleop.servo", 40, -10, True, False, 0.66),
    ProcessSpec("keys", "teleop.keys", 0, 0, False, False),
    ProcessSpec("uplink", "teleop.uplink", 35, -5, False, False),
    ProcessSpec("gateway", "teleop.gateway", 0, 0, False, False),
    ProcessSpec("media", "teleop.media", 5, 0, False, False),
    ProcessSpec("record", "teleop.record", 0, 10, False, False),
    ProcessSpec("audit", "teleop.audit", 0, 10, False, False),
)
"""In starting order."""

STOP_ORDER = ("media", "gateway", "uplink", "keys", "servo", "arm", "guard", "audit", "record")
"""Motion stops first (SHUTDOWN event), then these; record last so that the file is complete."""


def spec(name: str) -> ProcessSpec:
    """The row of `name`."""
    return next(row for row in TABLE if row.name == name)
