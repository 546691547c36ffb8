"""Force rate and power into the patient, judged by guard at their limits."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from harness import DOWN_Q, MS, Rig, arm_state, prepared

from safety.limits import Limits
from safety.load import SPAN_NS, LoadWatch, power_w
from safety.messages import ArmState
from safety.states import Cause, State
from safety.transitions import mask

LIMITS = Limits()
RATE = mask(Cause.FORCE_RATE_OVER_LIMIT)
POWER = mask(Cause.CONTACT_POWER_OVER_LIMIT)
START_NS = 5_000_000_000


def reading(
    t_ms: float, force_n: float, *, v_in_m_s: float = 0.0, zero_serial: int = 0
) -> ArmState:
    """A probe that points down, presses with `force_n` and moves into the patient."""
    now = START_NS + round(t_ms * MS)
    return replace(
        arm_state(now), force_n=(0.0, 0.0, force_n), base_v_probe_m_s=(0.0, 0.0, -v_in_m_s),
        zero_serial=zero_serial,
    )  # fmt: skip


def rise(n_per_s: float, *, seconds: float = 0.06, from_n: float = 3.0, v: float = 0.0) -> int:
    """Causes found while the force rises at a steady rate."""
    watch, found = LoadWatch(), 0
    for k in range(round(seconds * 1000)):
        found |= watch.check(reading(k, from_n + n_per_s * k / 1000, v_in_m_s=v), True, LIMITS)
    return found


@pytest.mark.parametrize(
    ("n_per_s", "expected"),
    [(LIMITS.force_rate_n_s - 1.0, 0), (LIMITS.force_rate_n_s + 1.0, RATE), (-400.0, 0)],
)
def test_the_rate_at_its_limit_and_only_while_it_rises(n_per_s: float, expected: int) -> None:
    assert rise(n_per_s, from_n=20.0 if n_per_s < 0 else 3.0) == expected


@pytest.mark.parametrize(
    ("share", "expected"), [(0.99, 0), (1.01, POWER), (-2.0, 0)], ids=["below", "over", "yielding"]
)
def test_power_at_its_limit_and_never_when_the_patient_pushes(share: float, expected: int) -> None:
    assert rise(0.0, from_n=20.0, v=share * LIMITS.contact_power_w / 20.0) == expected


def test_what_the_permits_allow_stays_below_both() -> None:
    assert LIMITS.force_cap_n * LIMITS.v_contact_m_s < LIMITS.contact_power_w
    assert rise(LIMITS.v_contact_m_s * 5000.0, seconds=0.1, v=LIMITS.v_contact_m_s) == 0


def test_one_sample_of_noise_is_no_rate() -> None:
    watch = LoadWatch()
    for k in range(100):
        jump = 2.0 if k % 5 == 0 else 0.0
        assert not watch.check(reading(k, 5.0 + jump), True, LIMITS)


def test_nothing_is_judged_before_the_span_is_full_and_after_a_new_zero() -> None:
    watch = LoadWatch()
    span_ms = SPAN_NS // MS
    steep = LIMITS.force_rate_n_s / 1000 * 1.5
    for k in range(span_ms):
        assert not watch.check(reading(k, steep * k), True, LIMITS)
    assert watch.check(reading(span_ms, steep * span_ms), True, LIMITS) == RATE
    assert not watch.check(reading(span_ms + 1, 9.0, zero_serial=1), True, LIMITS)
    assert not watch.check(reading(span_ms + 2, 9.0, zero_serial=1), True, LIMITS)


def test_readings_that_cannot_be_used_are_forgotten() -> None:
    watch = LoadWatch()
    for k in range(40):
        watch.check(reading(k, 0.5 * k), True, LIMITS)
    assert watch.check(reading(40, 20.0), True, LIMITS) == RATE
    assert watch.check(reading(41, 20.0), False, LIMITS) == 0
    assert watch.check(reading(42, math.nan), True, LIMITS) == 0
    assert not watch.samples
    for k in range(43, 100):
        assert watch.check(reading(k, 20.0), True, LIMITS) == 0


def test_an_arm_slower_than_guard_is_judged_by_its_own_stamps() -> None:
    watch, found = LoadWatch(), 0
    for k in range(60):
        found |= watch.check(reading(k - k % 4, 3.0 + 0.15 * (k - k % 4)), True, LIMITS)
    assert found == 0


def test_power_counts_every_direction_in_the_frame_of_the_probe() -> None:
    c = math.sqrt(0.5)
    sideways = (0.0, c, 0.0, c)  # the probe's z axis along base x
    assert power_w((0.0, 0.0, 10.0), sideways, (0.05, 0.0, 0.0)) == pytest.approx(0.5)
    assert power_w((0.0, 0.0, 10.0), DOWN_Q, (0.05, 0.0, 0.0)) == pytest.approx(0.0)
    assert power_w((2.0, 0.0, 0.0), DOWN_Q, (0.05, 0.0, 0.0)) == pytest.approx(0.1)


def pressing() -> Rig:
    rig = prepared("to_active")
    rig.noise = False
    rig.force_n = 8.0
    rig.run(0.15)
    assert rig.state == State.ACTIVE
    return rig


def test_guard_holds_when_the_force_rises_too_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = pressing()
    monkeypatch.setattr("harness.FORCE_RISE_N", 0.5)  # 250 N/s
    rig.force_n = 16.0
    rig.run(0.05)
    assert (rig.state, rig.report.first_out) == (State.HOLD, Cause.FORCE_RATE_OVER_LIMIT)


def test_guard_stops_when_the_arm_pushes_with_too_much_power() -> None:
    rig = pressing()
    rig.arm = replace(rig.arm, base_q_probe=(0.0, math.sqrt(0.5), 0.0, math.sqrt(0.5)))
    rig.force_n = 19.0
    rig.run(0.15)
    assert rig.state == State.ACTIVE
    rig.speed = 0.045  # base x is the probe's axis now
    rig.run(0.03)
    assert (rig.state, rig.report.first_out) == (State.SAFE_STOP, Cause.CONTACT_POWER_OVER_LIMIT)


def rotated(q: tuple[float, ...], v: tuple[float, ...]) -> tuple[float, ...]:
    """`v` (base) in the frame of `q` (xyzw), by the rotation matrix."""
    x, y, z, w = q
    columns = (
        (1 - 2 * (y * y + z * z), 2 * (x * y + w * z), 2 * (x * z - w * y)),
        (2 * (x * y - w * z), 1 - 2 * (x * x + z * z), 2 * (y * z + w * x)),
        (2 * (x * z + w * y), 2 * (y * z - w * x), 1 - 2 * (x * x + y * y)),
    )
    return tuple(sum(a * b for a, b in zip(column, v, strict=True)) for column in columns)


@pytest.mark.parametrize("q", [
    (0.5, -0.1, 0.7, 0.5), (-0.4, 0.4, 0.2, 0.8), (0.1, 0.9, -0.4, 0.1), DOWN_Q,
])  # fmt: skip
@pytest.mark.parametrize("v", [(0.1, 0.0, 0.0), (0.0, 0.2, 0.0), (0.0, 0.0, 0.3), (0.1, -0.2, 0.3)])
def test_power_is_force_times_velocity_in_one_frame(
    q: tuple[float, ...], v: tuple[float, ...]
) -> None:
    length = math.sqrt(sum(x * x for x in q))
    unit = tuple(x / length for x in q)
    force_n = (3.0, -5.0, 7.0)
    expected = sum(f * u for f, u in zip(force_n, rotated(unit, v), strict=True))
    assert power_w(force_n, unit, v) == pytest.approx(expected)


def test_the_slope_is_taken_from_the_newest_reading_that_is_as_old_as_the_span() -> None:
    watch = LoadWatch()
    for t_ms, force_n in ((0, 9.0), (10, 1.0), (10, 5.0), (5, 7.0), (20, 2.0), (30, 3.0)):
        watch.check(reading(t_ms, force_n), True, LIMITS)
    assert [t for t, _, _ in watch.samples] == [START_NS + t * MS for t in (10, 20, 30)]
    assert watch.rate_n_s == pytest.approx((3.0 - 1.0) / 0.02)


@pytest.mark.parametrize("broken", [{"zero_serial": 1}, {"force_n": math.nan}])
def test_after_a_new_zero_and_after_nonsense_the_span_fills_anew(broken: dict[str, float]) -> None:
    watch = LoadWatch()
    steep = LIMITS.force_rate_n_s / 1000 * 1.5
    serial = int(broken.get("zero_serial", 0))
    for k in range(30):
        watch.check(reading(k, steep * k), True, LIMITS)
    assert not watch.check(
        reading(30, broken.get("force_n", 1.0), zero_serial=serial), True, LIMITS
    )
    found = [
        k for k in range(31, 60)
        if watch.check(reading(k, steep * k, zero_serial=serial), True, LIMITS) == RATE
    ]  # fmt: skip
    assert found == list(range(51, 60)), "the reading that began it is not counted"


@pytest.mark.parametrize(("rate", "power", "force_n", "expected"), [
    (LIMITS.force_rate_n_s, 0.0, 9.0, 0), (LIMITS.force_rate_n_s * 1.001, 0.0, 9.0, RATE),
    (LIMITS.force_rate_n_s * 1.001, 0.0, LIMITS.contact_on_n, 0),
    (LIMITS.force_rate_n_s * 1.001, 0.0, LIMITS.contact_on_n * 1.001, RATE),
    (0.0, LIMITS.contact_power_w, 9.0, 0), (0.0, LIMITS.contact_power_w * 1.001, 0.1, POWER),
])  # fmt: skip
def test_both_limits_at_their_border(
    rate: float, power: float, force_n: float, expected: int
) -> None:
    known = reading(0, force_n)
    watch = LoadWatch(rate_n_s=rate, power_w=power)
    watch.samples.append((known.force_stamp_ns, force_n, 0.0))
    assert watch.check(known, True, LIMITS) == expected
