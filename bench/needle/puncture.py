"""One puncture in lumped form on a virtual clock: `run(Trial) -> Outcome`.

Real: the needle law, the breathing gate, the axis with its watchdog, the aiming aid, plan, permit
and watchdogs of guard, the link. Lumped: the arm (the probe follows the skin with a residual, a
pivot happens at the permitted rate), contact force of the probe, picture (tip and target as
numbers with noise), bytes. Coordinates: along the guide's line from the entry point, in plane, off
plane; tip and target in tissue coordinates, displaced by breathing.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field, replace

from bench.needle import link as net
from bench.needle.expert import NeedleExpert, Told
from bench.needle.patient import TILT_STRETCH, Breath, Patient
from bench.needle.picture import Eye
from haptics.needle.aim import PIVOT_MAX_RAD
from haptics.needle.axis_law import NeedleCaps, NeedleLaw, NeedleSample
from haptics.needle.breathing import BreathingGate
from haptics.vec import ZERO
from robot_sim.needle.axis import NeedleAxis
from robot_sim.needle.bend import TipPath
from robot_sim.needle.force import NeedleForce
from safety.limits import Limits
from safety.permit import Order
from safety.states import NeedlePlan
from teleop.servo.health import NO_ARM
from transport.impair import Link, LinkProfile

STEP_NS = 4_000_000
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
SUCCESS_M, CLOSE_M = 0.005, 0.0025


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


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it."""

    seed: int
    error_m: float
    """Distance of the tip from the target when the expert stopped."""
    parts_m: tuple[float, float, float]
    """The same along the needle, in plane, off plane."""
    finished: bool
    """The expert said "there" (else: gave up, or ran out of time)."""
    touched: tuple[str, ...]
    seconds: float
    peak_n: float
    pops: int
    membranes: int
    false_pops: int
    pop_late_ms: float
    """Longest time from a rupture to its detection; -1: one was missed."""
    holds: int
    turned_rad: float
    after_cut_m: float
    """Way of the needle after the link was cut; 0: it was not."""
    stale_advance: int
    """Steps in which the needle was ordered forward on a picture older than the limit: never."""


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


def make(trial: Trial, limits: Limits) -> tuple[Rig, net.Wire, net.Wire, Link]:
    """The parts before the first step, and the link's three directions."""
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
    return rig, up, down, Link(trial.profile, seed + 3, START_NS)


def run(trial: Trial, limits: Limits | None = None) -> Outcome:
    """Run one puncture to its end."""
    limits = limits or Limits()
    rig, up, down, video = make(trial, limits)
    breath = Breath(random.Random(trial.patient.seed + 3), trial.patient.breath_hz)
    eye = Eye(random.Random(trial.patient.seed + 4))
    plan_ns = START_NS + round(FIRST_PICTURE_S * 1e9)
    now, end_ns = START_NS, START_NS + round(LONGEST_S * 1e9)
    next_frame, next_beat, next_sample = START_NS, START_NS, START_NS
    done_ns = 0
    while now < end_ns:
        now += STEP_NS
        dt_s = STEP_NS / 1e9
        _breathe(rig, breath, dt_s)
        _cut(rig, up, down, video, now - plan_ns)
        if now >= next_frame:
            next_frame += FRAME_NS
            tip, target = _seen(rig)
            frame = eye.look(now, FRAME_NS / 1e9, tip, target)
            for due in video.deliver(now + net.ENCODE_NS):
                rig.console.pending.append((due + net.DECODE_NS + net.DISPLAY_NS, frame))
        if now >= next_beat:
            next_beat += net.BEAT_NS
            down.send(now, now)
        for stamp in down.arrived(now):
            rig.console.echo_ns = int(stamp)  # type: ignore[call-overload]
        shown = rig.console.show(now)
        if shown is not None:
            rig.expert.present(shown)
        if now >= next_sample:
            next_sample += net.SAMPLE_NS
            _sample(rig, up, now, now >= plan_ns)
        for command in up.arrived(now):
            rig.guard.take(now, command)  # type: ignore[arg-type]
        if rig.guard.needle.plan == NeedlePlan.NONE and now >= plan_ns:
            rig.guard.agree(ENTRY_M + trial.patient.target_m + ALLOWANCE_M)
        _robot(rig, now, dt_s, rig.guard.step(now, rig.axis.depth_m), limits)
        if rig.expert.done or now - plan_ns > trial.cut_at_s * 1e9:
            done_ns = done_ns or now
            if now - done_ns > 500_000_000 and (rig.share < 0.1 or not trial.gate or _is_cut(rig)):
                break
    return _outcome(rig, (now - plan_ns) / 1e9)


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


def _cut(rig: Rig, up: net.Wire, down: net.Wire, video: Link, after_ns: int) -> None:
    if after_ns >= rig.trial.cut_at_s * 1e9 and not _is_cut(rig):
        up.link.cut = down.link.cut = video.cut = True
        up.queue.clear()
        rig.cut_depth_m = rig.axis.depth_m


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
    if planned:
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
        goal_m=order.needle_goal_m,
        advance=advance,
        gate=rig.open if rig.trial.gate else 1.0,
    )
    wanted = command.v_m_s if order.kind else 0.0
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
    late_ms, false = _pops(rig.ruptured_ns, rig.noticed_ns)
    return Outcome(
        seed=p.seed,
        error_m=math.sqrt(along * along + n * n + y * y),
        parts_m=(along, n, y),
        finished=rig.expert.done and not rig.expert.gave_up,
        touched=_touched(rig.path, p),
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


def _pops(real_ns: list[int], seen_ns: list[int]) -> tuple[float, int]:
    """Longest delay of a detection (ms; -1: one is missing), and detections of nothing."""
    window_ns = 60_000_000
    delays = []
    for at in real_ns:
        hits = [seen - at for seen in seen_ns if 0 <= seen - at <= window_ns]
        delays.append(min(hits) / 1e6 if hits else -1.0)
    false = sum(all(not 0 <= seen - at <= window_ns for at in real_ns) for seen in seen_ns)
    if not delays:
        return 0.0, false
    return (-1.0 if min(delays) < 0.0 else max(delays)), false


def _touched(path: TipPath, patient: Patient) -> tuple[str, ...]:
    """Names of rods that the cut path went through."""
    hit = []
    for rod in patient.rods:
        near = [across for s, across, _ in path.trail if abs(s - rod.s_m) < rod.radius_m]
        n, y = rod.across_m
        if any(math.hypot(a[0] - n, a[1] - y) < rod.radius_m for a in near):
            hit.append(rod.name)
    return tuple(hit)
