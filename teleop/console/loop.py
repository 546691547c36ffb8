"""The haptic loop: `python -m teleop.console.loop --dir DIR --handle NAME --life FD`, 1 kHz.

Beside the handle and away from every network library, so that nothing but the operating system can
delay it. Thread-free, no event loop; two mailboxes connect it to the network process.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from haptics.bilateral.fade import leg_ok
from haptics.bilateral.handle import Handle, HandleError, HandleFacts, HandleState
from haptics.bilateral.mapping import Block, Scales
from haptics.bilateral.render import FromRobot, HandOut, HapticLoop
from haptics.bilateral.surface import NO_SURFACE, SurfaceModel
from haptics.errors import HapticsError
from haptics.vec import ZERO, Vec
from teleop.console.messages import (
    HAND_FILE,
    HAND_SIDE,
    ROBOT_FILE,
    ROBOT_SIDE,
    HandSide,
    RobotSide,
)
from teleop.drivers import handles
from transport.local.clock import now_ns
from transport.local.life import Life
from transport.local.loop import Cycle
from transport.local.mailbox import Mailbox, MailboxError
from transport.local.realtime import go_real_time

PERIOD_NS = 1_000_000
PRIORITY = 30
"""SCHED_FIFO where allowed: below the robot's control when both run on one machine."""
NETWORK_SILENT_NS = 100_000_000
"""The network process writes every 5 ms; silent for this long, nothing may be driven."""
DT_MAX_S = 0.01
REST = HandleState(ZERO, ZERO, ZERO, ZERO, deadman=False, clutch=False)


def from_robot(known: RobotSide | None, at_ns: int) -> FromRobot:
    """What the haptic step may believe at `at_ns`."""
    if known is None:
        return _nothing()
    silent = at_ns - known.stamp_ns > NETWORK_SILENT_NS
    model = SurfaceModel(
        touch=known.touch,
        contact=known.contact,
        stiffness_n_m=known.stiffness_n_m,
        damping_n_s_m=known.damping_n_s_m,
        force_n=known.force_n,
        force_ref_n=known.force_ref_n,
    )
    timely = leg_ok(known.leg_ms, known.leg_limit_ms, at_ns - known.heard_ns)
    return FromRobot(
        model=model,
        inward=known.inward,
        force_n=known.force_n,
        coupling=known.coupling,
        leg_ok=timely and known.force_valid and not silent,
        moving=known.moving and not silent,
        block=Block.PATH if silent else known.block,
        probe_p_m=known.probe_p_m,
        probe_r_rad=known.probe_r_rad,
        lag_max_s=known.lag_max_s,
    )


def _nothing() -> FromRobot:
    from haptics.bilateral.choice import Coupling
    from haptics.bilateral.render import AXIS

    return FromRobot(
        NO_SURFACE, AXIS, 0.0, Coupling.MODEL, False, False, Block.PATH, ZERO, ZERO
    )  # fmt: skip


class LoopShell:
    """Handle and mailboxes around a `HapticLoop`."""

    def __init__(self, folder: Path, handle: Handle, facts: HandleFacts, scales: Scales) -> None:
        self._robot = Mailbox(folder / ROBOT_FILE, ROBOT_SIDE)
        self._hand = Mailbox(folder / HAND_FILE, HAND_SIDE)
        self._handle = handle
        self._loop = HapticLoop(facts, scales)
        self._known: RobotSide | None = None
        self._last_ns = 0
        self._rendered = (0, 0)
        self.failed = ""
        """Why the handle cannot be used any more."""

    def cycle(self, at_ns: int, cycle: Cycle) -> None:
        """Read the grip, step, render, report."""
        newest = self._robot.read()
        self._known = newest[1] if newest is not None else self._known
        grip = self._read(at_ns)
        robot = from_robot(self._known, at_ns)
        if self.failed:
            robot = _nothing()
        dt_s = min(DT_MAX_S, (at_ns - self._last_ns) / 1e9) if self._last_ns else 0.001
        self._last_ns = at_ns
        force, out = self._loop.step(grip, robot, dt_s)
        self._render(force, at_ns)
        self._hand.write(self._report(out, at_ns, cycle))

    def release(self) -> None:
        """Forces off, for good."""
        self._render(ZERO, now_ns())

    def _read(self, at_ns: int) -> HandleState:
        try:
            return self._handle.read(at_ns) if not self.failed else REST
        except HandleError as error:
            self._fail(error)
            return REST

    def _fail(self, error: HandleError) -> None:
        """No force and no motion from here on; the console shows what we write."""
        self.failed = str(error) or type(error).__name__
        sys.stderr.write(f"{self.failed}\n")
        sys.stderr.flush()

    def _render(self, force_n: Vec, at_ns: int) -> None:
        try:
            if not self.failed:
                self._handle.render(force_n, at_ns)
        except HandleError as error:
            self._fail(error)

    def _report(self, out: HandOut, at_ns: int, cycle: Cycle) -> HandSide:
        known = self._known
        if known is not None and known.heard_ns and known.force_stamp_ns != self._rendered[0]:
            self._rendered = (known.force_stamp_ns, at_ns)
        return HandSide(
            stamp_ns=at_ns,
            p_m=_three(out.p_m),
            r_rad=_three(out.r_rad),
            v_m_s=_three(out.v_m_s),
            w_rad_s=_three(out.w_rad_s),
            force_ref_n=out.force_ref_n,
            deadman=out.deadman,
            deadman_edges=out.deadman_edges,
            reason=Block.HANDLE if self.failed else out.reason,
            clutch=out.clutch,
            touch_echo=out.touch_echo,
            lag_s=out.lag_s,
            felt_n=out.felt_n,
            rendering=out.rendering,
            reflecting=out.reflecting,
            port_j=out.port_j,
            rendered_stamp_ns=self._rendered[0],
            rendered_ns=self._rendered[1],
            cycle=cycle.cycle,
            overruns=cycle.overruns,
            late_us=cycle.lateness_ns / 1e3,
        )


def _three(v: Vec) -> tuple[float, float, float]:
    return v[0], v[1], v[2]


def main(arguments: list[str] | None = None) -> int:
    """Run the loop; return the exit code."""
    parser = argparse.ArgumentParser(prog="teleop.console.loop", description="Haptic loop.")
    parser.add_argument("--dir", type=Path, required=True, help="folder of the mailboxes")
    parser.add_argument("--handle", required=True, help="name of the handle")
    parser.add_argument("--motion-scale", type=float, default=Scales().motion)
    parser.add_argument("--force-scale", type=float, default=Scales().force)
    parser.add_argument("--life", type=int, help="life pipe of the network process")
    given = parser.parse_args(arguments)
    life = Life(given.life)
    try:
        scales = Scales(given.motion_scale, given.force_scale)
        handle = handles.make(given.handle, given.dir)
        facts = handle.open()
        shell = LoopShell(given.dir, handle, facts, scales)
    except (HandleError, HapticsError, MailboxError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    go_real_time(PRIORITY)
    cycle = Cycle(PERIOD_NS)
    try:
        while not life.leaving():
            shell.cycle(cycle.wait(), cycle)
    finally:
        shell.release()
        handle.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
