"""What resuming rests on, each part by itself: the deadman held throughout, and a usable epoch."""

from __future__ import annotations

from dataclasses import replace

import pytest
from test_causes import BLANK

from safety.engage import Deadman
from safety.epochs import STORE_NS, Epoch
from safety.limits import Limits
from safety.memory import NO_COMMAND

LIMITS = Limits()
T0 = 1_000_000_000_000
FAR_M, FAR_RAD = 1.01 * LIMITS.short_hold_offset_m, 1.01 * LIMITS.short_hold_offset_rad


def held(count: int, **last: object) -> Deadman:
    """A HOLD began with the deadman down; then came `count` commands, the last one different."""
    deadman, down = Deadman(), replace(NO_COMMAND, deadman=True, deadman_edges=3)
    deadman.command(down, LIMITS)
    deadman.hold_began()
    for _ in range(count - 1):
        deadman.command(down, LIMITS)
    deadman.command(replace(down, **last), LIMITS)  # type: ignore[arg-type]
    return deadman


def resumes(deadman: Deadman, **servo: float) -> bool:
    return deadman.resumable(replace(BLANK.servo, **servo), LIMITS)  # type: ignore[arg-type]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_deadman_that_stays_down_resumes_after_any_number_of_commands(count: int) -> None:
    assert resumes(held(count))
    for change in ({"deadman": False}, {"deadman_edges": 4}, {"mode": 1}):
        other = held(count, **change)
        assert not resumes(other)
        other.command(replace(NO_COMMAND, deadman=True, deadman_edges=3), LIMITS)
        assert not resumes(other), "once let go is let go"


@pytest.mark.parametrize(("fresh", "steady"), [(True, False), (False, True), (False, False)])
def test_nothing_resumes_without_commands_since_the_hold_that_were_all_steady(
    fresh: bool, steady: bool
) -> None:
    assert resumes(Deadman(fresh=True, steady=True))
    assert not resumes(Deadman(fresh=fresh, steady=steady))


def test_hand_and_robot_are_still_together() -> None:
    assert resumes(held(2), offset_m=LIMITS.short_hold_offset_m)
    assert resumes(held(2), offset_rad=LIMITS.short_hold_offset_rad)
    assert not resumes(held(2), offset_m=FAR_M)
    assert not resumes(held(2), offset_rad=FAR_RAD)
    assert not resumes(held(2, hand_p_m=(0.0, FAR_M, 0.0)))
    assert not resumes(held(2, hand_r_rad=(0.0, FAR_RAD, 0.0)))


# --- the epoch: every number above 0 is one, and every time above 0 a time


def test_no_epoch_begins_before_one_is_stored() -> None:
    epoch = Epoch()
    epoch.update(0, T0)
    assert (epoch.value, epoch.changed_ns, epoch.usable()) == (0, 0, False)
    epoch.update(1, T0 + 1)
    assert (epoch.value, epoch.changed_ns, epoch.usable()) == (1, T0 + 1, True)


def test_a_store_has_failed_that_was_waited_for_since_the_first_nanosecond() -> None:
    waiting = Epoch(value=2, durable=1, waiting_since_ns=1)
    assert not waiting.failed(1 + STORE_NS)
    assert waiting.failed(2 + STORE_NS)
    assert not Epoch(value=2, durable=2).failed(2 + STORE_NS)
