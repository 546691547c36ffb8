"""Every permit that can follow from a visited node: the whole product of what it depends on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import cast

from bench.explore.choices import BOTH, Chooser, Lazy, every
from bench.explore.inputs import MS, S
from safety.assess import SUSPECT
from safety.limits import Limits
from safety.permit import Order, Situation, decide
from safety.states import Contact, Instrument, PermitKind, State

DOMAINS: dict[str, Sequence[object]] = {
    **dict.fromkeys(("works", "discomfort", "lift", "live", "needle_released", "image_fresh",
                     "ending", "outlasted"), BOTH),
    "contact": tuple(Contact),
    "instrument": tuple(Instrument),
    "in_state_ns": (0, 299 * MS, 300 * MS, S, 3 * S, 60 * S),
    "engaged_ns": (0, 250 * MS, 10 * S),
    "recovered_ns": (0, 250 * MS, 10 * S),
    "last_force_n": (0.0, 1.0, 5.0, 25.0, 1e6),
    "needle_goal_m": (0.0, 0.1),
}  # fmt: skip
_MOVING = (State.ACTIVE, State.DEGRADED)
_STILL = (State.INIT, State.IDLE, State.CONNECTED, State.QUALIFIED, State.ESTOP)
_FOLLOWING = (State.ARMED, State.HOLD)
_NO_SIDEWAYS = (Contact.UNKNOWN, Contact.NEEDLE_IN_TISSUE)
_EPSILON = 1e-9


class LazySituation(Lazy):
    """`safety.permit.Situation`, decided while `decide` reads it."""

    @property
    def able(self) -> bool:
        """As `safety.assess.situation`: everybody works, power is not cut, nobody is suspect."""
        return bool(self.works) and not self.blocked


@dataclass(slots=True)
class Permits:
    """What was checked."""

    permits: int = 0
    inputs: int = 0


def check(visited: Iterable[tuple[State, int, bool]], limits: Limits, found: Permits) -> list[str]:
    """Check every permit for every visited (state, latched mask, power cut); what is broken."""
    kinds = {(state, bool(latched & SUSPECT) or cut) for state, latched, cut in visited}
    out: list[str] = []
    for state, blocked in sorted(kinds):
        for policy in (limits, replace(limits, auto_lift=not limits.auto_lift)):
            out += _check(state, blocked, policy, found)
    return out


def _check(state: State, blocked: bool, limits: Limits, found: Permits) -> list[str]:
    def run(chooser: Chooser) -> tuple[LazySituation, Order]:
        s = LazySituation(chooser, DOMAINS, {"state": state, "blocked": blocked})
        return s, decide(cast(Situation, s), limits)

    out: list[str] = []
    for s, order in every(run):
        found.permits += 1
        found.inputs += s.stands_for()
        bad = {**_basic(state, s, order), **_bounds(state, order, limits)}
        out += [f"{name}: {state.name} {order}" for name, broken in bad.items() if broken]
    return out


def _basic(state: State, s: LazySituation, order: Order) -> dict[str, bool]:
    """Who may move at all. A field that was not read counts as its worst value."""
    none = order.kind == PermitKind.NONE
    works = s.read("works", False) and not s.read("blocked", True)
    contact = s.read("contact", Contact.UNKNOWN)
    needle = contact in _NO_SIDEWAYS
    # The probe goes with the skin, so that a breath neither presses nor pulls at the shaft.
    follows = (
        contact == Contact.NEEDLE_IN_TISSUE
        and (state in _FOLLOWING or (state == State.SAFE_STOP and s.read("outlasted", False)))
        and order.kind == PermitKind.REGULATE
    )
    speeds = (order.v_max_m_s, order.v_contact_m_s, order.w_max_rad_s)
    released = all(s.read(name, False) for name in ("needle_released", "live", "image_fresh"))
    armed_needle = s.read("instrument", Instrument.UNKNOWN) == Instrument.PROBE_NEEDLE
    return {
        "I1 a permit in a state without motion": not none and state in _STILL,
        "I1 a permit while somebody is missing or suspect": not none and not works,
        "I1 a drive under brakes, or none without": order.brake != none,
        "I1 speed without a permit": none and any(speeds),
        "I1 OPERATE belongs to motion": (order.kind == PermitKind.OPERATE)
        != (state in _MOVING and not none),
        "I1 hand guiding belongs to LOCAL": (
            order.kind == PermitKind.LOCAL and state != State.LOCAL
        ),
        "I5 the arm moves with a needle in": needle and any(speeds[1:] if follows else speeds),
        "I5 a drive with a needle in or unknown": needle
        and not follows
        and order.kind not in (PermitKind.NONE, PermitKind.OPERATE),
        "I5 an advance that nobody agreed to": order.needle_advance
        and not (state == State.ACTIVE and works and released and armed_needle),
        "I5 the guide turns without an advance": (
            order.needle_pivot_rad_s > 0.0 and not order.needle_advance
        ),
    }


def _bounds(state: State, order: Order, limits: Limits) -> dict[str, bool]:
    """I6: no permit is wider than the design's table, whatever the situation."""
    quarter = limits.degraded_scale if state == State.DEGRADED else 1.0
    force = {PermitKind.OPERATE: limits.force_cap_n, PermitKind.LOCAL: limits.force_cap_n}
    cap_n = force.get(order.kind, limits.regulate_force_n)
    if state == State.DEGRADED:
        cap_n = limits.force_cap_degraded_n
    slow = order.kind in (PermitKind.REGULATE, PermitKind.LIFT)
    travel_m = {
        PermitKind.REGULATE: limits.regulate_travel_m,
        PermitKind.LIFT: limits.lift_travel_m,
    }
    return {
        "I6 speed": order.v_max_m_s > quarter * limits.v_free_m_s + _EPSILON,
        "I6 speed along the normal": slow and order.v_max_m_s > 0.02 + _EPSILON,
        "I6 speed in contact": order.kind == PermitKind.OPERATE
        and order.v_contact_m_s > quarter * limits.v_contact_m_s + _EPSILON,
        "I6 force": not 0.0 <= order.f_max_n <= cap_n,
        "I6 travel": slow and not 0.0 < order.travel_max_m <= travel_m[order.kind],
        "I6 ramp": not 0.0 <= order.ramp <= 1.0,
        "new contact in DEGRADED": state == State.DEGRADED and order.new_contact,
    }
