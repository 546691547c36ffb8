"""The probe axis: contact states and force control under each mode (pure).

Speeds along the axis are positive into the patient (m/s), forces on the patient (N).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from haptics.admittance import TAU_A_S, Admittance
from haptics.contact import PRESSING, TOUCH_N, ContactInputs, ContactMonitor
from haptics.filters import LowPass, slew
from haptics.vec import ZERO, Vec, column, dot, sub
from safety.limits import Limits
from safety.states import Clamp, ContactState, PermitKind
from teleop.servo.law import Situation
from teleop.servo.permit_gate import Mode

APPROACH_M_S = 0.010
"""Reference 1.2; a touch at this speed overshoots by less than 3 %."""
PRESS_M_S = 0.020
"""Fastest press; 12 N/s on a belly of 600 N/m."""
RETREAT_M_S = 0.030
LIFT_OFF_M_S = 0.010
"""Gentle: the expert set the reference below 0.5 N."""
YIELD_M_S = 0.002
"""Slowest yielding, so that it ends."""
ACCELERATION_M_S2 = 1.0
STOP_M_S2 = 4.0
WANT_CONTACT_N = 0.5
"""References below it mean: stay off the skin."""
FILTER_S = 0.02
"""Low-pass of the force that is shown; control uses the sensor's own filter."""


@dataclass(frozen=True, slots=True)
class AxisMotion:
    """Speed along the probe axis and who owns the position on it."""

    v_m_s: float
    held: bool
    """True: the set-point (or the hand) owns the position; False: the force controller does."""
    clamps: Clamp
    yielding: bool


@dataclass(slots=True)
class NormalAxis:
    """State of contact and force control."""

    limits: Limits = field(metadata={"fixed": True})
    contact: ContactMonitor = field(default_factory=ContactMonitor)
    force: Admittance = field(default_factory=Admittance)
    shown_n: LowPass = field(default_factory=lambda: LowPass(FILTER_S))
    v_m_s: float = 0.0
    mode: Mode = Mode.BRAKE
    ceiling_n: float = 0.0
    """REGULATE: reference that is never exceeded. YIELD: min(last, 5 N)."""
    pressed: bool = False
    """REGULATE began in force control: the skin is followed both ways."""
    base_p_start_m: Vec = ZERO
    """Where this mode began, for its travel."""
    base_p_lost_m: Vec = ZERO
    clamps: Clamp = Clamp.NONE
    """Clamps of the running cycle."""

    def update(self, s: Situation) -> AxisMotion:
        """Advance by one cycle."""
        force_n = s.arm.force_n[2]
        axis = column(s.base_rot_probe, 2)
        self.shown_n.update(force_n, s.dt_s)
        self.clamps = Clamp.NONE
        if s.mode is not self.mode:
            self._enter(s, force_n)
        seek = self._seek(s)
        self._track_contact(s, axis, force_n, seek)
        wanted, held = self._wanted(s, axis, force_n, seek)
        slowing = abs(wanted) < abs(self.v_m_s) or wanted * self.v_m_s < 0 or wanted < self.v_m_s
        rate = STOP_M_S2 if slowing else ACCELERATION_M_S2
        self.v_m_s = slew(self.v_m_s, wanted, rate * s.dt_s)
        yielding = s.mode is Mode.YIELD and self.v_m_s < 0.0
        return AxisMotion(self.v_m_s, held, self.clamps, yielding)

    def rest(self, s: Situation) -> None:
        """Brakes: know the contact, forget all speeds."""
        force_n = s.arm.force_n[2]
        if force_n == force_n:
            self.shown_n.update(force_n, s.dt_s)
            self._track_contact(s, column(s.base_rot_probe, 2), force_n, seek=False)
            self.force.engage(force_n)
        self.v_m_s = 0.0
        self.mode = Mode.BRAKE

    def engaged(self, force_n: float) -> None:
        """A new engagement: bumpless, and a new attempt to find the skin."""
        self.contact.forgive()
        self.force.engage(force_n)

    def _enter(self, s: Situation, force_n: float) -> None:
        """A mode begins: remember where, and what may not be exceeded."""
        self.base_p_start_m = s.arm.base_p_probe_m
        last = self.force.reference_n if self.contact.state in PRESSING else 0.0
        self.pressed = self.contact.state in PRESSING
        if s.mode is Mode.YIELD:
            kept = self.ceiling_n if self.mode is Mode.REGULATE else last
            self.ceiling_n = min(kept, self.limits.regulate_force_n)
        elif s.mode is Mode.REGULATE:
            least = max(0.0, min(last, force_n, self.limits.regulate_force_n))
            self.ceiling_n = least if self.pressed else TOUCH_N
            self.force.reference_n = least if self.pressed else min(TOUCH_N, max(0.0, force_n))
        elif s.mode is Mode.OPERATE and self.contact.state in PRESSING:
            self.force.engage(force_n)
        self.mode = s.mode

    def _seek(self, s: Situation) -> bool:
        """Is contact wanted and allowed?"""
        if s.mode is not Mode.OPERATE:
            return False
        if s.permit.command.force_ref_n < WANT_CONTACT_N:
            self.contact.forgive()
            return False
        if self.contact.gave_up:
            self.clamps |= Clamp.CONTACT_NOT_FOUND
            return False
        if self.contact.state not in PRESSING and not s.permit.new_contact:
            self.clamps |= Clamp.NO_NEW_CONTACT
            return False
        return True

    def _track_contact(self, s: Situation, axis: Vec, force_n: float, seek: bool) -> None:
        before = self.contact.state
        travel = dot(sub(s.arm.base_p_probe_m, self.base_p_lost_m), axis)
        lost = before is ContactState.LOST
        changed = self.contact.update(
            ContactInputs(
                now_ns=s.now_ns,
                force_n=force_n,
                error_n=self.force.reference_n - force_n,
                seek=seek,
                lost_travel_m=travel if lost else 0.0,
            )
        )
        state = self.contact.state
        along_m = dot(s.arm.base_p_probe_m, axis)
        if changed and state is ContactState.TOUCH:
            self.force.stiffness.start(along_m, force_n)
            if s.mode is Mode.OPERATE:
                self.force.engage(force_n)
        if changed and state is ContactState.LOST:
            self.base_p_lost_m = s.arm.base_p_probe_m
        if self.contact.gave_up:
            self.clamps |= Clamp.CONTACT_NOT_FOUND
        if state in PRESSING:
            landing = state is ContactState.TOUCH
            self.force.stiffness.update(along_m, force_n, s.dt_s, landing=landing)

    def _wanted(self, s: Situation, axis: Vec, force_n: float, seek: bool) -> tuple[float, bool]:
        """Speed along the axis, and whether its position is held by the set-point."""
        touching = self.contact.state in PRESSING
        match s.mode:
            case Mode.OPERATE if touching and seek:
                return self._press(s, force_n), False
            case Mode.OPERATE if touching:
                return -LIFT_OFF_M_S, False
            case Mode.OPERATE if seek:
                return min(APPROACH_M_S, s.permit.v_max_m_s * s.permit.ramp), False
            case Mode.REGULATE if touching:
                return self._regulate(s, axis, force_n), False
            case Mode.LIFT:
                return self._lift(s, axis), False
            case Mode.YIELD:
                # Not held: pulling back to a set-point would press.
                return self._yield(force_n), False
            case _:
                return 0.0, True

    def _press(self, s: Situation, force_n: float) -> float:
        goal = s.permit.command.force_ref_n
        if goal > s.permit.f_max_n:
            self.clamps |= Clamp.FORCE_REFERENCE
            goal = s.permit.f_max_n
        self.force.ramp(goal, s.dt_s)
        integrate = self.contact.state is ContactState.PRESS
        return self.force.velocity(force_n, s.dt_s, -RETREAT_M_S, PRESS_M_S, integrate=integrate)

    def _regulate(self, s: Situation, axis: Vec, force_n: float) -> float:
        """Keep the force at or below the ceiling, within speed and travel."""
        goal = min(self.ceiling_n, s.permit.f_max_n)
        if self.force.reference_n > goal:
            self.force.ramp(goal, s.dt_s)
        v_max = self.limits.regulate_v_m_s
        into = v_max if self.pressed else 0.0
        v = self.force.velocity(force_n, s.dt_s, -v_max, into, integrate=self.pressed)
        travel = dot(sub(s.arm.base_p_probe_m, self.base_p_start_m), axis)
        regulating = s.permit.kind is PermitKind.REGULATE
        most = s.permit.travel_max_m if regulating else self.limits.regulate_travel_m
        if abs(travel) >= most and v * travel > 0.0:
            return 0.0
        return v

    def _lift(self, s: Situation, axis: Vec) -> float:
        """Outward along the normal until the travel is used up."""
        away = -dot(sub(s.arm.base_p_probe_m, self.base_p_start_m), axis)
        room = s.permit.travel_max_m - away
        fastest = min(self.limits.lift_v_m_s, s.permit.v_max_m_s)
        return -max(0.0, min(fastest, room * 10.0))

    def _yield(self, force_n: float) -> float:
        """Back off while the force is above min(last, 5 N) + 1 N; never press."""
        over = force_n - (self.ceiling_n + self.limits.yield_margin_n)
        if over <= 0.0:
            return 0.0
        damping = self.force.stiffness.k_hat_n_m * TAU_A_S
        return -min(self.limits.regulate_v_m_s, YIELD_M_S + over / damping)
