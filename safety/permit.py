"""What may move: the table state x contact (docs/safety-concept.md), one function per column."""

from __future__ import annotations

from dataclasses import dataclass

from safety.limits import Limits
from safety.states import Contact, Instrument, PermitKind, State
from safety.transitions import SETUP

MS = 1_000_000
S = 1_000_000_000
RELAX_NS = 1 * S
"""SAFE_STOP: time in which the force falls to `safe_stop_force_n` (reference section 5)."""
ENDING_NS = 300_000_000
"""A session that ends: time to relax before the brakes close (the supervisor waits 0.6 s)."""
AUTO_LIFT_NS = 3 * S
"""SAFE_STOP: earliest automatic lift-off, where the site enabled it (reference section 5)."""


COMPLIANT = (State.ARMED, State.HOLD)
"""The needle's own axis is braked, and the probe goes on following the skin: an arm that stood
still would press with every breath and drag the shaft through what moves (docs/needle.md). The same
in a SAFE_STOP that is nothing but such a HOLD grown too long (`Situation.outlasted`)."""


@dataclass(slots=True)
class Situation:
    """What the permit depends on. Defaults are the worst values."""

    state: State
    contact: Contact = Contact.UNKNOWN
    instrument: Instrument = Instrument.UNKNOWN
    able: bool = False
    """Servo, sensor, power and epoch allow a permit at all, and no cause makes servo suspect."""
    in_state_ns: int = 0
    engaged_ns: int = 0
    """Time since the last engagement."""
    recovered_ns: int = 0
    """Time since DEGRADED was left upwards; large: never."""
    last_force_n: float = 0.0
    """Normal force when the arm was last told to stop, never negative."""
    discomfort: bool = False
    lift: bool = False
    """The bedside holds the lift button."""
    live: bool = False
    """The picture is live."""
    needle_released: bool = False
    """A confirmed plan, and the expert let go of "advance" since it became possible."""
    needle_goal_m: float = 0.0
    """Depth of the confirmed plan."""
    image_fresh: bool = False
    """The newest presented picture is young enough to advance a needle by it."""
    ending: bool = False
    """The session ends: who controls the force will be gone soon."""
    outlasted: bool = False
    """All that was latched since motion was allowed is a HOLD, and that it lasted too long."""


@dataclass(frozen=True, slots=True)
class Order:
    """What guard orders in this step."""

    kind: PermitKind = PermitKind.NONE
    v_max_m_s: float = 0.0
    v_contact_m_s: float = 0.0
    w_max_rad_s: float = 0.0
    f_max_n: float = 0.0
    travel_max_m: float = 0.0
    new_contact: bool = False
    needle_advance: bool = False
    ramp: float = 0.0
    brake: bool = True
    needle_goal_m: float = 0.0
    needle_pivot_rad_s: float = 0.0

    def speed_limit_m_s(self, contact: Contact, limits: Limits) -> float:
        """Fastest measured speed that this order explains (normal regulation included)."""
        if self.kind == PermitKind.NONE:
            return 0.0
        v = self.v_max_m_s if contact == Contact.NONE else self.v_contact_m_s
        if self.kind == PermitKind.OPERATE:
            return float((v * v + limits.regulate_v_m_s**2) ** 0.5)
        return self.v_max_m_s

    def turn_limit_rad_s(self) -> float:
        """Fastest measured turn that this order explains."""
        return max(self.w_max_rad_s, self.needle_pivot_rad_s)


BRAKE = Order()


def decide(s: Situation, limits: Limits) -> Order:
    """The order for this situation; brakes whenever in doubt."""
    if not s.able or s.state in SETUP or s.state == State.ESTOP:
        return BRAKE
    if s.state in (State.ACTIVE, State.DEGRADED):
        return _operate(s, limits)
    if s.contact == Contact.NEEDLE_IN_TISSUE and _compliant(s):
        return _regulate(_held_force_n(s, limits), limits)
    if s.contact not in (Contact.SKIN, Contact.NONE):
        return BRAKE
    if s.state == State.LOCAL:
        return _lift(limits) if s.lift else _local(limits)
    if s.state == State.FAULT:
        return _relax(s, limits) if s.contact == Contact.SKIN else BRAKE
    if s.lift:
        return _lift(limits)
    if s.state == State.SAFE_STOP:
        return _safe_stop(s, limits)
    return _regulate(_held_force_n(s, limits), limits)


def _compliant(s: Situation) -> bool:
    """The probe follows the skin, at the force that it had: no ramp, no lift, no withdrawal."""
    return s.state in COMPLIANT or (s.state == State.SAFE_STOP and s.outlasted)


def _operate(s: Situation, limits: Limits) -> Order:
    degraded = s.state == State.DEGRADED
    low = limits.degraded_scale
    recovering = min(1.0, low + (1.0 - low) * s.recovered_ns / (limits.ramp_ms * MS))
    scale = low if degraded else recovering
    needle_in = s.contact not in (Contact.SKIN, Contact.NONE)
    # With a needle in tissue only its axis may move: a probe that slides would bend the needle.
    move = 0.0 if needle_in else scale
    advance = needle_possible(s) and s.needle_released
    return Order(
        kind=PermitKind.OPERATE,
        v_max_m_s=limits.v_free_m_s * move,
        v_contact_m_s=limits.v_contact_m_s * move,
        w_max_rad_s=limits.w_max_rad_s * move,
        f_max_n=limits.force_cap_degraded_n if degraded else limits.force_cap_n,
        travel_max_m=0.0,
        new_contact=not degraded,
        needle_advance=advance,
        ramp=min(1.0, s.engaged_ns / (limits.ramp_ms * MS)),
        brake=False,
        needle_goal_m=s.needle_goal_m,
        # The guide turns about the entry point: the one motion of the arm with a needle in.
        needle_pivot_rad_s=limits.needle_pivot_rad_s if advance else 0.0,
    )


def needle_possible(s: Situation) -> bool:
    """State, picture and instrument would let the needle advance in this step."""
    return (
        s.able
        and s.state == State.ACTIVE
        and s.live
        and s.image_fresh
        and s.instrument == Instrument.PROBE_NEEDLE
    )


def _held_force_n(s: Situation, limits: Limits) -> float:
    held = min(s.last_force_n, limits.regulate_force_n)
    return min(held, limits.discomfort_force_n) if s.discomfort else held


def _regulate(force_n: float, limits: Limits) -> Order:
    return Order(
        kind=PermitKind.REGULATE,
        v_max_m_s=limits.regulate_v_m_s,
        f_max_n=force_n,
        travel_max_m=limits.regulate_travel_m,
        ramp=1.0,
        brake=False,
    )


def _relax(s: Situation, limits: Limits) -> Order:
    start = _held_force_n(s, limits)
    end = min(start, limits.safe_stop_force_n)
    share = min(1.0, s.in_state_ns / RELAX_NS)
    return _regulate(start + (end - start) * share, limits)


def _safe_stop(s: Situation, limits: Limits) -> Order:
    if s.contact == Contact.NONE or (s.ending and s.in_state_ns >= ENDING_NS):
        return BRAKE
    if limits.auto_lift and s.in_state_ns >= AUTO_LIFT_NS:
        return _lift(limits)
    return _relax(s, limits)


def _lift(limits: Limits) -> Order:
    return Order(
        kind=PermitKind.LIFT,
        v_max_m_s=limits.lift_v_m_s,
        travel_max_m=limits.lift_travel_m,
        ramp=1.0,
        brake=False,
    )


def _local(limits: Limits) -> Order:
    return Order(
        kind=PermitKind.LOCAL,
        v_max_m_s=limits.local_v_m_s,
        v_contact_m_s=limits.local_v_m_s,
        w_max_rad_s=limits.w_max_rad_s,
        f_max_n=limits.force_cap_n,
        ramp=1.0,
        brake=False,
    )
