"""Sensor model, watchdogs and the inner velocity servo, each alone."""

from __future__ import annotations

import math
import statistics

import pytest

from robot_sim.joint_servo import BRAKE_RAD_S2, RELEASE_RAD_S, ZERO7, JointServo
from robot_sim.sensor import BIAS_N, DELAY_NS, NOISE_FORCE_N, ForceSensor, SensorFault
from robot_sim.watchdogs import (
    CHALLENGE_NS,
    CONTACT_NS,
    RAMP_FLOOR_RAD_S,
    RAMP_SLACK_NS,
    SILENCE_NS,
    BrakingRamp,
    CommandWatch,
    EnableWatch,
)
from safety.enable import answer
from safety.messages import ArmCommand, EnableSignal
from safety.states import ArmInterface

MS = 1_000_000
T0 = 10**9


def fed(force_n: float, ms: int, seed: int = 1) -> ForceSensor:
    sensor = ForceSensor(seed)
    for i in range(ms):
        sensor.push(T0 + i * MS, 0.001, (0.0, 0.0, force_n, 0.0, 0.0, 0.0))
    return sensor


def test_sensor_shows_the_force_late_filtered_and_with_noise() -> None:
    sensor = ForceSensor(1)
    seen = []
    for i in range(4000):
        sensor.push(T0 + i * MS, 0.001, (0.0, 0.0, 5.0, 0.0, 0.0, 0.0))
        seen.append(sensor.read())
    assert seen[-1].stamp_ns == T0 + 3999 * MS - DELAY_NS
    assert [s.valid for s in seen[:4]] == [False, False, False, True]
    assert seen[3].wrench[2] < 2.0  # the low-pass has just begun
    steady = [s.wrench[2] for s in seen[500:]]
    assert statistics.mean(steady) == pytest.approx(5.0, abs=0.01)
    assert 0.1 * NOISE_FORCE_N < statistics.pstdev(steady) < NOISE_FORCE_N


def test_sensor_is_deterministic_by_seed() -> None:
    assert fed(3.0, 100).read() == fed(3.0, 100).read()
    assert fed(3.0, 100).read() != fed(3.0, 100, seed=2).read()


@pytest.mark.parametrize("fault", SensorFault)
def test_sensor_faults(fault: SensorFault) -> None:
    sensor = fed(5.0, 100)
    good = sensor.read()
    sensor.fault = fault
    sensor.push(T0 + 100 * MS, 0.001, (0.0, 0.0, 5.0, 0.0, 0.0, 0.0))
    bad = sensor.read()
    fresh = bad.stamp_ns == good.stamp_ns + MS
    assert fresh == (fault is not SensorFault.SILENT)
    assert bad.valid == (fault is not SensorFault.INVALID)
    assert math.isnan(bad.wrench[2]) == (fault is SensorFault.NAN)
    if fault in (SensorFault.STUCK, SensorFault.SILENT):
        assert bad.wrench == good.wrench
    if fault is SensorFault.BIAS:
        assert bad.wrench[2] == pytest.approx(5.0 + BIAS_N, abs=0.2)


def command(stamp_ns: int) -> ArmCommand:
    return ArmCommand(stamp_ns, ZERO7, False, 0.0, ZERO7, ArmInterface.VELOCITY)


def test_command_watchdog_at_its_boundary() -> None:
    watch = CommandWatch()
    assert not watch.check(T0, None, following=False)
    assert watch.check(T0, command(T0), following=True)
    assert watch.check(T0 + SILENCE_NS, command(T0), following=True)
    assert watch.trips == 0
    assert not watch.check(T0 + SILENCE_NS + 1, command(T0), following=True)
    assert not watch.check(T0 + SILENCE_NS + 2, command(T0), following=False)
    assert watch.trips == 1
    assert watch.check(T0 + 30 * MS, command(T0 + 29 * MS), following=False)


def test_commands_from_the_past_and_the_future_do_not_count() -> None:
    watch = CommandWatch()
    assert watch.check(T0, command(T0), following=True)
    assert not watch.check(T0 + 25 * MS, command(T0 - MS), following=False)
    assert not watch.check(T0 + 26 * MS, command(T0 + 100 * MS), following=False)


def enable(given: int) -> EnableSignal:
    return EnableSignal(T0, given, power=True, brake=False, zero_serial=0)


def test_enable_watchdog_at_its_boundary() -> None:
    watch = EnableWatch(seed=5)
    assert not watch.check(T0, None, following=False)
    first = watch.challenge
    assert watch.check(T0 + MS, enable(answer(first)), following=True)
    for ms in range(2, 21):
        assert watch.check(T0 + ms * MS, enable(answer(first)), following=True)
    assert watch.check(T0 + MS + SILENCE_NS, enable(answer(first)), following=True)
    assert not watch.check(T0 + MS + SILENCE_NS + 1, enable(answer(first)), following=True)
    assert watch.trips == 1
    assert watch.check(T0 + 40 * MS, enable(answer(watch.challenge)), following=False)


def test_wrong_and_old_answers_do_not_keep_the_arm_alive() -> None:
    watch = EnableWatch(seed=5)
    watch.check(T0, None, following=False)
    old = watch.challenge
    alive = [
        watch.check(T0 + ms * MS, enable(answer(old) if ms % 2 else 12345), following=True)
        for ms in range(1, 60)
    ]
    assert alive[0]
    assert not any(alive[21:])


def test_challenges_change_every_few_milliseconds_and_never_repeat_soon() -> None:
    watch = EnableWatch(seed=5)
    seen = []
    for ms in range(400):
        watch.check(T0 + ms * MS, None, following=False)
        seen.append(watch.challenge)
    assert len(set(seen)) == 400 // (CHALLENGE_NS // MS)
    assert all(0 < c < 2**32 for c in seen)


def test_brakes_open_only_for_a_slow_first_command() -> None:
    servo = JointServo()

    def braked_after(rad_s: float, powered: bool) -> bool:
        servo.update((rad_s, *ZERO7[1:]), powered, 0.001)
        return servo.braked

    assert braked_after(RELEASE_RAD_S * 1.01, True)
    assert braked_after(RELEASE_RAD_S, False)
    assert not braked_after(RELEASE_RAD_S, True)
    assert not braked_after(RELEASE_RAD_S * 1.01, True)


def test_braking_is_controlled_straight_and_complete() -> None:
    servo = JointServo()
    wanted = (0.2, -0.1, 0.0, 0.0, 0.0, 0.0, 0.0)
    servo.update(ZERO7, True, 0.001)
    for _ in range(200):
        servo.update(wanted, True, 0.001)
    assert servo.rate_rad_s == pytest.approx(wanted, abs=1e-3)
    steps = 0
    while not servo.locked:
        before = servo.rate_rad_s
        servo.update(None, True, 0.001)
        steps += 1
        assert servo.braked
        assert before[0] - servo.rate_rad_s[0] <= BRAKE_RAD_S2 * 0.001 + 1e-3
        assert servo.rate_rad_s[1] == pytest.approx(-servo.rate_rad_s[0] / 2, abs=1e-9)
    assert steps == pytest.approx(0.2 / BRAKE_RAD_S2 / 0.001, abs=2)
    assert servo.rate_rad_s == ZERO7


def ramp(closed: bool, rates_rad_s: list[float]) -> list[bool]:
    watch = BrakingRamp()
    out = []
    for rate in rates_rad_s:
        watch.braking(closed, rate, MS)
        out.append(watch.tripped)
    return out


def test_brakes_that_never_close_end_in_a_power_cut_after_their_slack() -> None:
    tripped = ramp(False, [0.05] * 60)
    assert tripped.index(True) == RAMP_SLACK_NS // MS, "at the slack it may still come"
    slow = ramp(False, [RAMP_FLOOR_RAD_S] * 200)
    assert slow.index(True) == CONTACT_NS // MS


def test_brakes_that_close_and_do_not_slow_the_arm_end_in_a_power_cut() -> None:
    assert any(ramp(True, [0.05] * 60))
    assert not any(ramp(True, [RAMP_FLOOR_RAD_S] * 200)), "slower than any ramp can tell"
    unknown = ramp(True, [math.nan] * 60)
    assert unknown.index(True) == RAMP_SLACK_NS // MS, "an unknown speed is no braking"


def test_a_stop_from_full_speed_along_the_ramp_is_let_end() -> None:
    rates = [max(0.0, 1.5 - BRAKE_RAD_S2 * 0.001 * step) for step in range(500)]
    assert not any(ramp(True, rates))
    late = [1.5] * 55 + rates
    assert any(ramp(True, late)), "it begins 5 ms too late"


def test_whoever_released_the_brakes_begins_anew_and_a_trip_stays_until_power_was_off() -> None:
    watch = BrakingRamp()

    def tripped() -> bool:
        return watch.tripped

    for _ in range(5):
        for _ in range(40):
            watch.braking(False, 0.05, MS)
        watch.released()
    assert not tripped()
    for _ in range(60):
        watch.braking(False, 0.05, MS)
    watch.released()
    assert tripped()
    watch.switched_off()
    assert not tripped()
