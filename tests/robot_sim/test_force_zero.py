"""The force zero: only at rest, only near the stored bias, and never by adding up."""

from __future__ import annotations

import pytest

from haptics.dynamics import Body
from haptics.iiwa import PROBE
from robot_sim.force_zero import AVERAGE_NS, REST_RAD_S, WITHIN_N, ForceZero
from robot_sim.scene import Scene
from robot_sim.world import ArmBox
from safety.enable import answer
from safety.messages import EnableSignal

MS = 1_000_000


def asked(zero: ForceZero, serial: int, raw_z_n: float, speed_rad_s: float = 0.0) -> None:
    """Feed one request for a second; the raw reading shows `raw_z_n`."""
    for ms in range(1000):
        reading = (0.0, 0.0, raw_z_n - zero.bias[2], 0.0, 0.0, 0.0)
        zero.update(serial * 10**10 + ms * MS, serial, reading, speed_rad_s)


def test_a_small_bias_is_taken_after_the_average() -> None:
    zero = ForceZero()
    zero.update(0, 7, (0.0, 0.0, 1.0, 0.0, 0.0, 0.0), 0.0)
    assert zero.serial == 0, "one sample is no average"
    zero.update(AVERAGE_NS, 7, (0.0, 0.0, 2.0, 0.0, 0.0, 0.0), 0.0)
    assert (zero.serial, zero.ok) == (7, True)
    assert zero.bias[2] == pytest.approx(1.5)


def test_a_probe_that_leans_on_somebody_is_not_zero() -> None:
    zero = ForceZero()
    asked(zero, 1, WITHIN_N * 1.02)
    assert (zero.serial, zero.ok, zero.bias[2]) == (1, False, 0.0)


def test_repeated_zeros_do_not_walk_away_from_the_stored_bias() -> None:
    zero = ForceZero()
    for serial, raw_n in enumerate((2.0, 4.0, 6.0), 1):
        asked(zero, serial, raw_n)
    assert not zero.ok
    assert zero.bias[2] == pytest.approx(2.0)


def test_a_moving_arm_is_refused_and_silence_of_guard_asks_nothing() -> None:
    zero = ForceZero()
    asked(zero, 1, 0.5, speed_rad_s=REST_RAD_S * 1.1)
    assert (zero.serial, zero.ok) == (1, False)
    zero.update(10**12, 0, (0.0, 0.0, 1.0, 0.0, 0.0, 0.0), 0.0)
    assert zero.serial == 1


@pytest.mark.parametrize(("mass_kg", "taken"), [(0.45, True), (0.75, False)])
def test_a_heavier_probe_is_zeroed_within_reason(mass_kg: float, taken: bool) -> None:
    """100 g of cover and gel are 1 N; 400 g are another tool."""
    box = ArmBox(Scene())
    box.tool = Body(mass_kg, PROBE.com_m, PROBE.inertia_kg_m2)
    now, state = 10**10, box.step(10**10, None, None)
    for _ in range(700):
        now += MS
        enable = EnableSignal(now, answer(state.challenge), True, False, 5 if now > 10**10 else 0)
        state = box.step(now, None, enable)
    box.close()
    assert (state.zero_serial, state.zero_ok) == (5, taken)
    assert (abs(state.force_n[2]) < 0.1) is taken
