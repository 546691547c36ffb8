"""Guard's eyes on the arm, exactly at what it may still do: the ramp of a stop, drift at rest."""

from __future__ import annotations

from dataclasses import replace

import pytest
from harness import MS, arm_state

from safety.limits import Limits
from safety.messages import ArmState
from safety.pose import STUCK_NS, PoseWatch
from safety.speed import SpeedWatch
from safety.states import Cause, PermitKind
from safety.supervise import JOINT_DRIFT_RAD, REGULATE_DRIFT_FACTOR, MotionWatch
from safety.transitions import mask

LIMITS = Limits()
T0 = 10_000 * MS


def test_until_braking_has_to_be_seen_the_speed_of_before_is_allowed_to_the_last_bit() -> None:
    """A pair whose difference, added again, does not give the number back: no ramp yet."""
    low, before = 0.01, 0.026
    assert low + (before - low) != before
    watch = SpeedWatch(limit=low, before=before, lowered_ns=T0)
    assert watch.allowed(T0 + round(LIMITS.brake_seen_ms * MS), LIMITS) == before


def test_a_stop_without_time_for_a_ramp_is_over_when_its_time_is() -> None:
    """Both times may be set to the same value: the ramp between them has no length."""
    at_once = replace(LIMITS, brake_seen_ms=40.0, stop_done_ms=40.0)
    watch = SpeedWatch(limit=0.02, before=0.1, lowered_ns=T0)
    assert watch.allowed(T0 + 40 * MS - 1, at_once) == 0.1
    assert watch.allowed(T0 + 40 * MS, at_once) == 0.02


def drift(kind: PermitKind, brake: bool, to: ArmState) -> int:
    """What is found when an arm at rest in the origin reads as `to`."""
    motion = MotionWatch()
    motion.order(kind, LIMITS.regulate_v_m_s, 0.0, brake, T0, LIMITS)
    for step in (0, 1):  # brakes are seen in the first step, rest begins with the second
        assert motion.check(origin(brake), True, T0 + step * MS, LIMITS) == 0
    return motion.check(to, True, T0 + 2 * MS, LIMITS)


def origin(brake: bool) -> ArmState:
    at_zero = {"base_p_probe_m": (0.0,) * 3, "q_rad": (0.0,) * 7}
    return replace(arm_state(T0), braked=brake, **at_zero)  # type: ignore[arg-type]


@pytest.mark.parametrize(("kind", "brake", "field", "most"), [
    (PermitKind.NONE, True, "base_p_probe_m", LIMITS.rest_drift_m),
    (PermitKind.NONE, True, "q_rad", JOINT_DRIFT_RAD),
    (PermitKind.REGULATE, False, "base_p_probe_m", REGULATE_DRIFT_FACTOR * LIMITS.rest_drift_m),
])  # fmt: skip
@pytest.mark.parametrize("place", [0, 1])
def test_a_drift_as_large_as_its_limit_is_still_rest(
    kind: PermitKind, brake: bool, field: str, most: float, place: int
) -> None:
    for factor, found in ((1.0, 0), (1.001, mask(Cause.STANDSTILL_VIOLATED))):
        values = [0.0] * len(getattr(origin(brake), field))
        values[place] = factor * most
        to = replace(origin(brake), **{field: tuple(values)})  # type: ignore[arg-type]
        assert drift(kind, brake, to) == found


@pytest.mark.parametrize("braked", [True, False])
def test_joints_behind_closed_brakes_may_stand_still_whatever_is_asked_for(braked: bool) -> None:
    watch = PoseWatch()
    found = False
    for at_ns in range(T0, T0 + 2 * STUCK_NS, 2 * MS):
        arm = replace(origin(braked), stamp_ns=at_ns)
        found = watch.implausible(arm, 0.1, at_ns) or found
    assert found is not braked
