"""The probe axis: contact states and force control under each mode (pure).

Speeds along the axis are positive into the patient (m/s), forces on the patient (N).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from haptics.admittance import Admittance
from haptics.alignment import NormalAlignment
from haptics.contact import PRESSING, TOUCH_N, ContactInputs, ContactMonitor
from haptics.explicit_force import ExplicitForce
from haptics.filters import LowPass, slew
from haptics.force_law import AxisCommand, AxisSample, ForceOptions
from haptics.iiwa import PROBE_FACE_RADIUS_M
from haptics.surface import SurfaceMotion
from haptics.vec import ZERO, Vec, apply_transposed, column, dot, sub
from safety.limits import Limits
from safety.states import Clamp, ContactState, PermitKind
from teleop.servo.law import Situation
from teleop.servo.permit_gate import Mode

APPROACH_M_S = 0.010
"""Reference 1.2; a touch at this speed overshoots by less than 3 %."""
PRESS_M_S = 0.030
"""Fastest press; 18 N/s on a belly of 600 N/m, and the skin of breathing 20 mm at 0.5 Hz."""
RETREAT_M_S = 0.040
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
    effort_n: float | None
    """Force along the axis, where the arm takes torques and force is controlled."""
    touching: bool
    held: bool
    """True: the set-point (or the hand) owns the position; False: the force controller does."""
    clamps: Clamp
    yielding: bool
    align_rad_s: Vec
    """Turn towards the surface normal, probe frame."""


@dataclass(slots=True)
class NormalAxis:
    """State of contact and force control."""

    limits: Limits = field(metadata={"fixed": True})
    force: Admittance | ExplicitForce = field(default_factory=Admittance)
    options: ForceOptions = field(default=ForceOptions(), metadata={"fixed": True})
    contact: ContactMonitor = field(default_factory=ContactMonitor)
    surface: SurfaceMotion = field(default_factory=lambda: SurfaceMotion(PROBE_FACE_RADIUS_M))
    alignment: NormalAlignment = field(default_factory=NormalAlignment)
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
    moved_m: float = 0.0
    """Way of the surface along the axis since the contact began."""
    clamps: Clamp = Clamp.NONE
    """Clamps of the running cycle."""
    mass_kg: float = 0.0
    """Effective mass in the running cycle."""
    effort_n: float | None = None
    """Force wanted in the running cycle."""
    controlling: bool = False
    """The force law decides in the running cycle."""

    def update(self, s: Situation, mass_kg: float) -> AxisMotion:
        """Advance by one cycle. `mass_kg`: of the arm along the axis; 0: it takes velocities."""
        self._begin(mass_kg)
        force_n = s.arm.force_n[2]
        axis = column(s.base_rot_probe, 2)
        self.shown_n.update(force_n, s.dt_s)
        if s.mode is not self.mode:
            self._enter(s, force_n)
        seek = self._seek(s)
        self._track_contact(s, axis, force_n, seek)
        wanted, held = self._wanted(s, axis, force_n, seek)
        if self.effort_n is not None:
            self.v_m_s = wanted
        slowing = abs(wanted) < abs(self.v_m_s) or wanted * self.v_m_s < 0 or wanted < self.v_m_s
        # A force law corrects both ways alike: noise would otherwise turn into a pull outwards.
        rate = STOP_M_S2 if slowing or self.controlling else ACCELERATION_M_S2
        self.v_m_s = slew(self.v_m_s, wanted, rate * s.dt_s)
        touching = self.contact.state in PRESSING
        return AxisMotion(
            v_m_s=self.v_m_s,
            effort_n=self.effort_n,
            touching=touching,
            held=held,
            clamps=self.clamps,
            yielding=s.mode is Mode.YIELD and self.v_m_s < 0.0,
            align_rad_s=self._align(s, force_n),
        )

    def _begin(self, mass_kg: float) -> None:
        self.clamps, self.mass_kg, self.effort_n = Clamp.NONE, mass_kg, None
        self.controlling = False

    def rest(self, s: Situation) -> None:
        """Brakes: know the contact, forget all speeds."""
        force_n = s.arm.force_n[2]
        if force_n == force_n:
            self.shown_n.update(force_n, s.dt_s)
            self._track_contact(s, column(s.base_rot_probe, 2), force_n, seek=False)
            self.force.engage(force_n)
        self.v_m_s = 0.0
        self.alignment.rest()
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
            self.moved_m = 0.0
            self.force.stiffness.start(along_m, force_n)
            self.surface.begin()
            if s.mode is Mode.OPERATE:
                self.force.engage(force_n)
        if changed and state is ContactState.LOST:
            self.base_p_lost_m = s.arm.base_p_probe_m
        if self.contact.gave_up:
            self.clamps |= Clamp.CONTACT_NOT_FOUND
        if state in PRESSING:
            landing = state is ContactState.TOUCH
            self._track_surface(s)
            # The surface's own motion says nothing about its stiffness. While landing, only its
            # slope is known: what is observed beside it rests on the stiffness that is looked for.
            surface = self.surface
            self.moved_m += s.dt_s * (surface.slope_m_s if landing else surface.speed_m_s)
            pressed_m = along_m - self.moved_m
            self.force.stiffness.update(pressed_m, force_n, s.dt_s, landing=landing)

    def _track_surface(self, s: Situation) -> None:
        rot, arm = s.base_rot_probe, s.arm
        v = apply_transposed(rot, arm.base_v_probe_m_s)
        w = apply_transposed(rot, arm.base_w_probe_rad_s)
        k = self.force.stiffness.k_hat_n_m
        self.surface.update(arm.force_n, arm.torque_nm, v, w, k, s.dt_s)

    def _align(self, s: Situation, force_n: float) -> Vec:
        """Where alignment is wanted: while the expert presses."""
        operating = s.mode is Mode.OPERATE and self.contact.state is ContactState.PRESS
        if not self.options.align or not operating:
            self.alignment.rest()
            return ZERO
        return self.alignment.update(self.surface.tilt, force_n, s.dt_s)

    def _force_law(
        self, s: Situation, force_n: float, v_min: float, v_max: float, *, integrate: bool
    ) -> float:
        """Run the force law within speed bounds; return the speed to go on with."""
        v_axis = dot(s.arm.base_v_probe_m_s, column(s.base_rot_probe, 2))
        known = self.options.feed_forward and self.contact.state is ContactState.PRESS
        command: AxisCommand = self.force.command(
            AxisSample(
                force_n=force_n,
                v_m_s=v_axis,
                surface_m_s=self.surface.speed_m_s if known else 0.0,
                mass_kg=self.mass_kg,
                v_min_m_s=v_min,
                v_max_m_s=v_max,
                dt_s=s.dt_s,
                integrate=integrate and self.options.integrate,
            )
        )
        self.effort_n, self.controlling = command.effort_n, True
        return command.v_m_s

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
        return self._force_law(s, force_n, -RETREAT_M_S, PRESS_M_S, integrate=integrate)

    def _regulate(self, s: Situation, axis: Vec, force_n: float) -> float:
        """Keep the force at or below the ceiling, within speed and travel."""
        goal = min(self.ceiling_n, s.permit.f_max_n)
        if self.force.reference_n > goal:
            self.force.ramp(goal, s.dt_s)
        v_max = self.limits.regulate_v_m_s
        into = v_max if self.pressed else 0.0
        travel = dot(sub(s.arm.base_p_probe_m, self.base_p_start_m), axis)
        regulating = s.permit.kind is PermitKind.REGULATE
        most = s.permit.travel_max_m if regulating else self.limits.regulate_travel_m
        into = 0.0 if travel >= most else into
        out = 0.0 if travel <= -most else -v_max
        return self._force_law(s, force_n, out, into, integrate=self.pressed)

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
        back_m_s = YIELD_M_S + self.force.retreat_m_s(over)
        return -min(self.limits.regulate_v_m_s, back_m_s)
