"""One puncture in lumped form on a virtual clock: `run(Trial) -> Outcome`.

Real: the needle law, the breathing gate, the axis with its watchdog, the aiming aid, plan, permit
and watchdogs of guard, the link. Lumped: the arm (the probe follows the skin with a residual, a
pivot happens at the permitted rate), contact force of the probe, picture (tip and target as
numbers with noise), bytes; a step is 5 ms while the axis moves and 20 ms while it rests (commands
and pictures keep their own times). Coordinates: along the guide's line from the entry point, in
plane, off plane; tip and target in tissue coordinates, displaced by breathing.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field, replace

from bench.needle import link as net
from bench.needle.expert import DECIDE_NS, NeedleExpert, Told
from bench.needle.outcome import Outcome, pops, touched
from bench.needle.patient import TILT_STRETCH, Breath, Patient
from bench.needle.picture import Eye
from haptics.iiwa import PROBE_ENTRY_M
from haptics.needle.aim import PIVOT_MAX_RAD
from haptics.needle.axis_law import NeedleCaps, NeedleLaw, NeedleSample
from haptics.needle.breathing import BreathingGate
from haptics.needle.pivot import slid_m
from haptics.vec import ZERO
from robot_sim.needle.axis import NeedleAxis
from robot_sim.needle.bend import TipPath
from robot_sim.needle.force import NeedleForce
from safety.limits import Limits
from safety.permit import Order
from safety.states import NeedlePlan, PermitKind
from teleop.servo.health import NO_ARM
from teleop.servo.needle import GUIDE, tip_goal_m
from transport.impair import Link, LinkProfile

STEP_NS, REST_STEP_NS = 5_000_000, 20_000_000
START_NS = 1_000_000_000_000
ENTRY_M = 0.05
"""Depth from home at which the needle meets the skin."""
ALLOWANCE_M = 0.002
"""The planned depth ends this far behind the target (registration along the needle)."""
LONGEST_S = 240.0
FRAME_NS = 33_333_333
FOLLOW_SD_M = 0.0002
"""How well the probe follows the skin (force control: 0.1 N at 500 N/m)."""
CELL_SD_N = 0.02
FIRST_PICTURE_S = 8.0
"""The breathing gate learns while people plan."""
GATE_OPEN = 0.3
AT_HOME = replace(NO_ARM, base_p_probe_m=ZERO, needle_depth_m=0.0, needle_v_m_s=0.0)


@dataclass(frozen=True, slots=True)
class Trial:
    """What is tried. The switches are ablations."""

    patient: Patient
    profile: LinkProfile = net.FIVE_G
    compensate: bool = True
    gate: bool = True
    adapt: bool = True
    """False: no force rate limit, no pause after a puncture."""
    cut_at_s: float = math.inf
    """The link is cut for good at this time after the plan was confirmed."""


@dataclass(slots=True)
class Rig:
    """All parts of one puncture."""

    trial: Trial
    rng: random.Random
    path: TipPath
    force: NeedleForce
    guard: net.Guard
    expert: NeedleExpert
    axis: NeedleAxis = field(default_factory=NeedleAxis)
    law: NeedleLaw = field(default_factory=NeedleLaw)
    gate: BreathingGate = field(default_factory=BreathingGate)
    console: net.Console = field(default_factory=net.Console)
    turned_rad: float = 0.0
    share: float = 0.0
    """Of full inhalation."""
    open: float = 0.0
    axial_n: float = 0.0
    peak_n: float = 0.0
    ruptured_ns: list[int] = field(default_factory=list)
    noticed_ns: list[int] = field(default_factory=list)
    cut_depth_m: float = -1.0
    way_m: float = 0.0
    stale_advance: int = 0
    entered: bool = False


@dataclass(slots=True)
class Paths:
    """The link's three directions, and when the next thing sets out on each."""

    up: net.Wire
    down: net.Wire
    video: Link
    sample_ns: int = START_NS
    beat_ns: int = START_NS
    frame_ns: int = START_NS

    def cut(self) -> None:
        """Nothing arrives any more."""
        self.up.link.cut = self.down.link.cut = self.video.cut = True
        self.up.queue.clear()


def make(trial: Trial, limits: Limits) -> tuple[Rig, Paths]:
    """The parts before the first step."""
    p = trial.patient
    rng = random.Random(p.seed * 104729 + 5)
    goal_m = p.target_m
    rig = Rig(
        trial,
        rng,
        TipPath(p.curvature_1_m, p.foundation_1_m),
        NeedleForce(p.layers, TILT_STRETCH),
        net.Guard(limits, AT_HOME),
        NeedleExpert(goal_m, trial.compensate),
    )
    rig.path.start(p.offset_m, p.slope_rad)
    seed = p.seed * 31
    up = net.Wire(Link(trial.profile, seed + 1, START_NS))
    down = net.Wire(Link(trial.profile, seed + 2, START_NS))
    return rig, Paths(up, down, Link(trial.profile, seed + 3, START_NS))


def run(trial: Trial, limits: Limits | None = None) -> Outcome:
    """Run one puncture to its end."""
    limits = limits or Limits()
    rig, paths = make(trial, limits)
    breath = Breath(random.Random(trial.patient.seed + 3), trial.patient.breath_hz)
    eye = Eye(random.Random(trial.patient.seed + 4))
    plan_ns = START_NS + round(FIRST_PICTURE_S * 1e9)
    now, end_ns = START_NS, START_NS + round(LONGEST_S * 1e9)
    done_ns = 0
    while now < end_ns:
        step_ns = REST_STEP_NS if rig.axis.v_m_s == 0.0 else STEP_NS
        now += step_ns
        dt_s = step_ns / 1e9
        _breathe(rig, breath, dt_s)
        if now - plan_ns >= rig.trial.cut_at_s * 1e9 and not _is_cut(rig):
            paths.cut()
            rig.cut_depth_m = rig.axis.depth_m
        _show(rig, paths, eye, now)
        _ask(rig, paths, now, plan_ns)
        for at_ns, command in paths.up.arrived(now):
            rig.guard.take(at_ns, command)  # type: ignore[arg-type]
        if rig.guard.needle.plan == NeedlePlan.NONE and now >= plan_ns:
            rig.guard.agree(ENTRY_M + trial.patient.target_m + ALLOWANCE_M)
        _robot(rig, now, dt_s, rig.guard.step(now, rig.axis.depth_m), limits)
        if rig.expert.done or _is_cut(rig):
            done_ns = done_ns or now
            if now - done_ns > 500_000_000 and (rig.share < 0.1 or not trial.gate or _is_cut(rig)):
                break
    return _outcome(rig, (now - plan_ns) / 1e9)


def _show(rig: Rig, paths: Paths, eye: Eye, now: int) -> None:
    """Pictures and heartbeats set out for the console."""
    while now >= paths.frame_ns:
        at_ns = paths.frame_ns
        paths.frame_ns += FRAME_NS
        tip, target = _seen(rig)
        frame = eye.look(at_ns, FRAME_NS / 1e9, tip, target)
        for due in paths.video.deliver(at_ns + net.ENCODE_NS):
            rig.console.pending.append((due + net.DECODE_NS + net.DISPLAY_NS, frame))
    while now >= paths.beat_ns:
        paths.down.send(paths.beat_ns, paths.beat_ns)
        paths.beat_ns += net.BEAT_NS


def _ask(rig: Rig, paths: Paths, now: int, plan_ns: int) -> None:
    """The console shows what arrived and samples the expert's hands."""
    while now >= paths.sample_ns:
        at_ns = paths.sample_ns
        paths.sample_ns += net.SAMPLE_NS
        for _, stamp in paths.down.arrived(at_ns):
            rig.console.echo_ns = int(stamp)  # type: ignore[call-overload]
        shown = rig.console.show(at_ns)
        if shown is not None:
            rig.expert.present(shown)
        _sample(rig, paths.up, at_ns, at_ns >= plan_ns)


def _breathe(rig: Rig, breath: Breath, dt_s: float) -> None:
    """Move the organ, and let the gate see the skin."""
    before = rig.share
    rig.share = breath.step(dt_s)
    organ = rig.trial.patient.organ_m
    moved = rig.share - before
    if rig.path.s_m > 0.0:
        rig.path.tissue_moved((organ[1] * moved, organ[2] * moved))
    height = rig.share * rig.trial.patient.skin_m + rig.rng.gauss(0.0, FOLLOW_SD_M)
    rig.open = rig.gate.update(height, dt_s)


def _is_cut(rig: Rig) -> bool:
    return rig.cut_depth_m >= 0.0


def _organ_along(rig: Rig) -> float:
    """How far the target is pushed along the needle by breathing."""
    return rig.trial.patient.organ_m[0] * rig.share


def _seen(rig: Rig) -> tuple[tuple[float, float], tuple[float, float]]:
    """Tip and target in the picture's plane (s, n), where they are now."""
    p, side = rig.trial.patient, rig.trial.patient.organ_m[1] * rig.share
    tip = (rig.axis.depth_m - ENTRY_M + p.depth_error_m, rig.path.across_m[0] + side)
    return tip, (p.target_m + _organ_along(rig), side)


def _sample(rig: Rig, up: net.Wire, now: int, planned: bool) -> None:
    """The page samples the expert's hands."""
    console, frame = rig.console, rig.console.frame
    if frame is None or console.echo_ns == 0:
        return
    if planned and now >= rig.expert.decided_ns + DECIDE_NS:
        told = Told(
            rig.axis.depth_m - ENTRY_M,
            rig.turned_rad,
            rig.guard.needle.released,
            rig.open if rig.trial.gate else 1.0,
        )
        rig.expert.decide(now, told)
    up.send(
        now,
        net.Asked(
            rig.expert.v_m_s if planned else 0.0,
            rig.expert.turn_rad_s if planned else 0.0,
            console.echo_ns,
            frame.acquired_ns,
            now - console.presented_ns,
        ),
    )


def _robot(rig: Rig, now: int, dt_s: float, order: Order, limits: Limits) -> None:
    """Servo's needle law, the axis, the tissue."""
    command = rig.guard.command
    advance = order.needle_advance
    cell_n = rig.axial_n + rig.rng.gauss(0.0, CELL_SD_N)
    caps = NeedleCaps(
        v_m_s=limits.needle_v_m_s,
        force_n=limits.needle_force_n,
        goal_m=tip_goal_m(order.needle_goal_m, slid_m(GUIDE, PROBE_ENTRY_M, rig.turned_rad)),
        advance=advance,
        gate=rig.open if rig.trial.gate else 1.0,
    )
    operated = order.kind == PermitKind.OPERATE
    wanted = command.v_m_s if operated else 0.0
    motion = rig.law.update(NeedleSample(now, dt_s, wanted, rig.axis.depth_m, cell_n), caps)
    if motion.punctured:
        rig.noticed_ns.append(now)
    if not rig.trial.adapt:
        rig.law.punctured_ns = 0
        rig.law.stiffness.k_n_m = 0.0
    rig.stale_advance += motion.v_m_s > 0.0 and rig.guard.image_ms > limits.needle_image_ms
    before = rig.axis.depth_m
    rig.axis.update(now, motion.v_m_s, now, not order.brake, dt_s)
    if _is_cut(rig):
        rig.way_m += abs(rig.axis.depth_m - before)
    rate = max(-order.needle_pivot_rad_s, min(order.needle_pivot_rad_s, command.turn_rad_s))
    _tissue(rig, now, dt_s, rate * dt_s)


def _tissue(rig: Rig, now: int, dt_s: float, turn_rad: float) -> None:
    turn_rad = max(-PIVOT_MAX_RAD, min(PIVOT_MAX_RAD, rig.turned_rad + turn_rad)) - rig.turned_rad
    rig.turned_rad += turn_rad
    if turn_rad != 0.0:
        rig.path.pivot(turn_rad)
    depth = rig.axis.depth_m - ENTRY_M
    if depth > 0.0:
        # Breathing along the needle is taken up by friction: only the axis cuts.
        rig.path.move_to(max(0.0, depth + rig.trial.patient.depth_error_m))
    rig.axial_n = rig.force.update(depth, rig.axis.v_m_s, dt_s)
    rig.peak_n = max(rig.peak_n, rig.axial_n)
    if rig.force.punctured:
        rig.ruptured_ns.append(now)


def _outcome(rig: Rig, seconds: float) -> Outcome:
    p = rig.trial.patient
    along = rig.path.s_m - p.target_m - _organ_along(rig)
    n, y = rig.path.across_m
    late_ms, false = pops(rig.ruptured_ns, rig.noticed_ns)
    return Outcome(
        seed=p.seed,
        error_m=math.sqrt(along * along + n * n + y * y),
        parts_m=(along, n, y),
        finished=rig.expert.done and not rig.expert.gave_up,
        touched=touched(rig.path, p),
        seconds=seconds,
        peak_n=rig.peak_n,
        pops=len(rig.noticed_ns),
        membranes=len(rig.ruptured_ns),
        false_pops=false,
        pop_late_ms=late_ms,
        holds=rig.guard.holds,
        turned_rad=rig.turned_rad,
        after_cut_m=rig.way_m,
        stale_advance=rig.stale_advance,
    )
