"""The console's haptic step at 1 kHz: grip in, force and command out (pure).

Along the inward normal the hand meets the robot's surface; across it the hand is free, with a
little damping. All of it passes the passivity controller of the port, the fade for a late
haptic leg, and the handle's own force limit.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from haptics.bilateral.choice import Coupling
from haptics.bilateral.fade import Fade
from haptics.bilateral.handle import HandleFacts, HandleState
from haptics.bilateral.mapping import Engagement, Mapping, Scales
from haptics.bilateral.passivity import OnePort
from haptics.bilateral.surface import LocalSurface, SurfaceModel
from haptics.vec import ZERO, Vec, add, capped, dot, norm, scale, sub

DAMPING_N_S_M = 5.0
"""Felt damping while engaged; steadies the hand (stable reflection at half scale was found with
5 N s/m)."""
SWITCH_S = 0.3
"""Cross-fade between reflection and model."""
AXIS: Vec = (0.0, 0.0, 1.0)
NORMAL_MAX_TILT_COS = 0.87
"""A normal more than 30 degrees off the probe axis is not believed."""


@dataclass(frozen=True, slots=True)
class FromRobot:
    """What the console knows of the robot in this cycle."""

    model: SurfaceModel
    inward: Vec
    """Inward normal of the surface, probe frame (= view frame)."""
    force_n: float
    """Measured normal force, extrapolated by the decoder."""
    coupling: Coupling
    leg_ok: bool
    """The haptic leg is known and within its limit."""
    moving: bool
    """The robot follows the hand now (ACTIVE or DEGRADED)."""
    block: str
    """What forbids driving (a reason of the text table); empty: nothing."""
    probe_p_m: Vec
    probe_r_rad: Vec


@dataclass(frozen=True, slots=True)
class HandOut:
    """One sample of the hand as a command carries it, and what was rendered."""

    p_m: Vec
    r_rad: Vec
    v_m_s: Vec
    w_rad_s: Vec
    force_ref_n: float
    deadman: bool
    deadman_edges: int
    clutch: bool
    touch_echo: int
    """Touch whose surface is rendered; -1: none."""
    lag_s: float
    """Filter lag that counts in the age."""
    felt_n: float
    """Force rendered along the normal, in the grip's scale."""
    rendering: bool
    port_j: float
    """Energy store of the grip's port."""


@dataclass(slots=True)
class HapticLoop:
    """Everything between a handle and the network."""

    facts: HandleFacts
    scales: Scales
    mapping: Mapping = field(init=False)
    engagement: Engagement = field(default_factory=Engagement)
    port: OnePort = field(default_factory=OnePort)
    surface: LocalSurface = field(init=False)
    fade: Fade = field(default_factory=Fade)
    reflect: float = 0.0
    """Share of reflection in the rendered force, 0..1."""
    travel_m: float = 0.0
    """Hand's travel along the inward normal, in the robot's scale."""
    _grip_p_m: Vec = ZERO
    _primed: bool = False

    def __post_init__(self) -> None:
        """Build the parts that depend on handle and scales."""
        self.mapping = Mapping(self.scales)
        felt = self.scales.force * self.scales.motion
        self.surface = LocalSurface(self.facts.stiffness_max_n_m / max(felt, 1e-9))

    def step(self, grip: HandleState, robot: FromRobot, dt_s: float) -> tuple[Vec, HandOut]:
        """Advance by `dt_s`; return the force on the hand (N, view frame) and the command."""
        block = "link_off" if robot.coupling is Coupling.OFF and not robot.block else robot.block
        held = self.engagement.update(grip, block, robot.probe_p_m, robot.probe_r_rad)
        driving = held and robot.moving and not grip.clutch
        self.mapping.update(grip, driving, dt_s)
        inward = self._inward(robot)
        moved = dot(sub(grip.p_m, self._grip_p_m), inward) if self._primed else 0.0
        self._grip_p_m, self._primed = grip.p_m, True
        force = self._render(grip, robot, inward, moved, driving, dt_s)
        # Clutched, the hand rests: the robot keeps the force that was last asked for.
        reference = self.surface.reference_n(self.travel_m) if held else 0.0
        return force, self._out(grip, reference, held, dot(force, inward))

    def _inward(self, robot: FromRobot) -> Vec:
        length = norm(robot.inward)
        if length < 0.5 or robot.inward[2] < NORMAL_MAX_TILT_COS * length:
            return AXIS
        return scale(robot.inward, 1.0 / length)

    def _render(
        self, grip: HandleState, robot: FromRobot, inward: Vec, moved_m: float, driving: bool,
        dt_s: float,
    ) -> Vec:  # fmt: skip
        """Force on the hand (N, view frame)."""
        # Not the filtered hand: a filter inside a stiffness would make it active.
        gain = self.scales.motion * self.mapping.ramp
        speed = dot(grip.v_m_s, inward)
        self.travel_m += gain * moved_m if driving else 0.0
        modelled = self.surface.update(
            robot.model, self.travel_m, gain * speed, dt_s, self.scales.force / self.scales.motion
        )
        goal = 1.0 if robot.coupling is Coupling.REFLECTION else 0.0
        self.reflect += max(-dt_s / SWITCH_S, min(dt_s / SWITCH_S, goal - self.reflect))
        robot_n = self.reflect * max(0.0, robot.force_n) + (1.0 - self.reflect) * modelled
        gain = self.fade.update(robot.leg_ok and driving, dt_s)
        wanted = gain * (self.scales.force * robot_n + DAMPING_N_S_M * speed)
        limit = self.facts.force_max_n
        felt = self.port.update(max(-limit, min(limit, wanted)), moved_m, speed, dt_s)
        felt = max(-limit, min(limit, felt))
        across = sub(grip.v_m_s, scale(inward, speed))
        force = add(scale(inward, -felt), scale(across, -gain * DAMPING_N_S_M))
        return capped(force, limit)

    def _out(self, grip: HandleState, reference_n: float, held: bool, along_n: float) -> HandOut:
        m = self.mapping
        return HandOut(
            p_m=m.p_m,
            r_rad=m.r_rad,
            v_m_s=m.v_m_s,
            w_rad_s=m.w_rad_s,
            force_ref_n=reference_n,
            deadman=held,
            deadman_edges=self.engagement.edges,
            clutch=grip.clutch,
            touch_echo=self.surface.touch if self.surface.risen else -1,
            lag_s=m.counted_lag_s,
            felt_n=-along_n,
            rendering=self.fade.gain > 0.0,
            port_j=self.port.stored_j,
        )
