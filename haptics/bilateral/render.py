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
from haptics.bilateral.mapping import Block, Engagement, Mapping, Scales
from haptics.bilateral.one_euro import LAG_MAX_S
from haptics.bilateral.passivity import OnePort
from haptics.bilateral.surface import LocalSurface, SurfaceModel
from haptics.vec import ZERO, Vec, add, capped, dot, norm, scale, sub

REFLECTION_DAMPING_N_S_M = 5.0
"""Felt damping under reflection (stable at half scale with 5 N s/m in comparisons of schemes)."""
MODEL_DAMPING_N_S_M = 2.0
"""Felt damping with a local model, which is stable without: as little as a hand notices."""
SWITCH_S = 0.3
"""Cross-fade from model to reflection."""
FALL_S = 0.1
"""Cross-fade back to the model."""
STIFF_N_M = 500.0
"""Felt stiffness above which a surface is modelled at any delay: the robot's force follows its
reference with 0.15 s, too late for a loose hand (100 N/m) on a hard surface."""
BAN_S = 10.0
"""No reflection for this long after it used up the port's energy: hand and surface do not suit."""
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
    block: Block
    """What forbids driving; NONE: nothing."""
    probe_p_m: Vec
    probe_r_rad: Vec
    lag_max_s: float = LAG_MAX_S
    """What the latency budget leaves for the tremor filter."""


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
    reason: Block
    """Why the dead-man is not held."""
    clutch: bool
    touch_echo: int
    """Touch whose surface is rendered; -1: none."""
    lag_s: float
    """Filter lag that counts in the age."""
    felt_n: float
    """Force rendered along the normal, in the grip's scale."""
    rendering: bool
    reflecting: bool
    """Measured force is felt, not the model's."""
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
    reference_n: float = 0.0
    """Force asked of the robot."""
    banned_s: float = 0.0
    """Time for which reflection is refused."""
    travel_m: float = 0.0
    """Hand's travel along the inward normal, in the robot's scale."""
    _grip_p_m: Vec = ZERO
    _primed: bool = False

    def __post_init__(self) -> None:
        """Build the parts that depend on handle and scales."""
        self.mapping = Mapping(self.scales)
        self.surface = LocalSurface(self.facts.stiffness_max_n_m / self._loop_gain)

    @property
    def _loop_gain(self) -> float:
        """Felt stiffness per stiffness of the surface."""
        return self.scales.force * self.scales.motion

    def step(self, grip: HandleState, robot: FromRobot, dt_s: float) -> tuple[Vec, HandOut]:
        """Advance by `dt_s`; return the force on the hand (N, view frame) and the command."""
        block = robot.block
        if robot.coupling is Coupling.OFF and block is Block.NONE:
            block = Block.LINK_OFF
        held = self.engagement.update(grip, block, robot.probe_p_m, robot.probe_r_rad)
        driving = held and robot.moving and not grip.clutch
        self.mapping.allow_lag(robot.lag_max_s)
        self.mapping.update(grip, driving, dt_s)
        inward = self._inward(robot)
        moved = dot(sub(grip.p_m, self._grip_p_m), inward) if self._primed else 0.0
        self._grip_p_m, self._primed = grip.p_m, True
        force = self._render(grip, robot, inward, moved, driving, dt_s)
        # Clutched, the hand rests: the robot keeps the force that was last asked for.
        self._refer(self.surface.reference_n(self.travel_m) if held else 0.0, grip.clutch)
        return force, self._out(grip, held, dot(force, inward))

    def _refer(self, asked_n: float, clutched: bool) -> None:
        """Take the force that the hand asks for.

        What the hand cannot feel may fall but never rise, and the surface gives way to a hand that
        goes on: when the force comes back, it comes back as it was.
        """
        most = self.facts.force_max_n / self.scales.force
        felt = clutched or (self.fade.gain >= 1.0 and not self.port.empty)
        self.reference_n = min(asked_n, most if felt else self.reference_n)
        if not felt:
            self.surface.slip(self.travel_m, self.reference_n)

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
        self._share(robot.coupling, dt_s)
        robot_n = self.reflect * max(0.0, robot.force_n) + (1.0 - self.reflect) * modelled
        gain = self.fade.update(robot.leg_ok and driving, dt_s)
        damping = MODEL_DAMPING_N_S_M
        damping += self.reflect * (REFLECTION_DAMPING_N_S_M - MODEL_DAMPING_N_S_M)
        wanted = gain * (self.scales.force * robot_n + damping * speed)
        limit = self.facts.force_max_n
        felt = self.port.update(max(-limit, min(limit, wanted)), moved_m, speed, dt_s)
        felt = max(-limit, min(limit, felt))
        across = sub(grip.v_m_s, scale(inward, speed))
        force = add(scale(inward, -felt), scale(across, -gain * damping))
        return capped(force, limit)

    def _share(self, coupling: Coupling, dt_s: float) -> None:
        """Cross-fade to reflection or model; a port that reflection empties gets the model."""
        self.banned_s = max(0.0, self.banned_s - dt_s)
        if self.reflect > 0.0 and self.port.empty:
            self.banned_s = BAN_S
        stiff = self.surface.present and self.surface.k_n_m * self._loop_gain > STIFF_N_M
        if coupling is Coupling.REFLECTION and self.banned_s <= 0.0 and not stiff:
            self.reflect = min(1.0, self.reflect + dt_s / SWITCH_S)
        else:
            self.reflect = max(0.0, self.reflect - dt_s / FALL_S)

    def _out(self, grip: HandleState, held: bool, along_n: float) -> HandOut:
        m = self.mapping
        felt = self.surface.risen and self.fade.gain >= 1.0
        return HandOut(
            p_m=m.p_m,
            r_rad=m.r_rad,
            v_m_s=m.v_m_s,
            w_rad_s=m.w_rad_s,
            force_ref_n=self.reference_n,
            deadman=held,
            deadman_edges=self.engagement.edges,
            reason=self.engagement.reason,
            clutch=grip.clutch,
            touch_echo=self.surface.touch if felt else -1,
            lag_s=m.counted_lag_s,
            felt_n=-along_n,
            rendering=self.fade.gain > 0.0,
            reflecting=self.reflect > 0.5,
            port_j=self.port.stored_j,
        )
