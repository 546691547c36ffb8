"""All limits of the safety policy, in one typed table with units and sources.

A site may tighten any limit. It may widen one (never beyond `ABSOLUTE`) only for an arm whose
driver declares itself simulated. Sources: D1..D7 = sections of the design page; S4..S11 =
sections of the safety reference.
"""

from __future__ import annotations

import dataclasses
import math
import zlib
from dataclasses import dataclass
from typing import Any

from safety.bounds import ABSOLUTE, ORDERED
from safety.layout import Vec3


class LimitsError(ValueError):
    """A limit is not allowed; the message names the field, its value and the bound."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Defaults are the policy of the design."""

    command_age_ms: float = 50.0  # D2
    slot_ms: float = 5.0  # S4.3: the guaranteed command period
    slot_late_ms: float = 40.0  # S4.3
    slot_window: int = 40  # S4.3: 200 ms
    degraded_misses: int = 4  # S4.3: 4..10 of 40 DEGRADED
    hold_misses: int = 11  # S4.3: more than 10 of 40 HOLD
    loop_ms: float = 50.0  # D2: two consecutive frames, and the 200 ms average
    loop_once_ms: float = 70.0  # D2
    loop_average_ms: float = 200.0  # D2: averaging window
    image_stale_ms: float = 150.0  # D2
    picture_frozen_ms: float = 100.0  # D2
    haptic_ms: float = 50.0  # D2
    dwell_max_ms: float = 100.0  # D2
    dwell_disagreement_ms: float = 25.0  # derived: one page frame and a timer
    stamp_life_ms: float = 50.0  # D2: an echo older than the limit is not accepted
    bucket_ms: float = 1000.0  # S4.3
    bucket_refill: float = 0.25  # S4.3
    permit_life_ms: float = 20.0  # S7: 10 to 20 ms
    own_gap_ms: float = 20.0  # D3: a cycle gap beyond a permit's life latches SAFE_STOP
    arm_silent_ms: float = 20.0  # S11 fault matrix
    servo_silent_ms: float = 20.0  # S7: 20 ms is safe without FIFO
    gateway_silent_ms: float = 50.0  # D2: 50 ms age bounds it
    media_silent_ms: float = 150.0  # D2: image_stale_ms bounds it
    bedside_page_ms: float = 500.0  # D3
    force_valid_ms: float = 100.0  # D7
    force_sample_ms: float = 20.0  # S11: sensor silent
    force_stuck_ms: float = 100.0  # S11: identical samples
    brake_seen_ms: float = 20.0  # D3
    stop_speed_m_s: float = 0.002  # derived: standstill
    stop_done_ms: float = 100.0  # S6: standstill after the order, else power is cut
    rest_drift_m: float = 0.001  # S6
    v_free_m_s: float = 0.1  # D7
    v_contact_m_s: float = 0.03  # D7
    w_max_rad_s: float = 0.6  # derived: 0.1 m/s at 160 mm depth
    v_tolerance_m_s: float = 0.02  # derived: measured over permitted speed before it is a fault
    v_over_ms: float = 10.0  # S11: pose jump detected
    needle_v_m_s: float = 0.005  # D7
    degraded_scale: float = 0.25  # D7
    ramp_ms: float = 500.0  # D7
    force_cap_n: float = 20.0  # D7
    force_trip_n: float = 25.0  # D7
    force_cap_degraded_n: float = 10.0  # D7
    regulate_force_n: float = 5.0  # D1
    regulate_v_m_s: float = 0.02  # D1
    regulate_travel_m: float = 0.015  # D1
    yield_margin_n: float = 1.0  # D1
    safe_stop_force_n: float = 2.0  # D7
    discomfort_force_n: float = 2.0  # derived: as SAFE_STOP
    lift_v_m_s: float = 0.02  # D7
    lift_travel_m: float = 0.03  # D7
    local_v_m_s: float = 0.1  # D7
    contact_on_n: float = 0.5  # docs/control.md
    contact_off_n: float = 0.2  # the same
    workspace_min_m: Vec3 = (0.30, -0.35, -0.05)  # site
    workspace_max_m: Vec3 = (0.85, 0.35, 0.60)  # site
    tilt_max_rad: float = 0.61  # site: 35 degrees
    qualify_s: float = 5.0  # D7
    qualify_age_ms: float = 40.0  # S8
    consent_s: float = 30.0  # S8.3
    degraded_clean_s: float = 2.0  # D7
    hold_max_s: float = 30.0  # D7
    operator_hold_max_s: float = 300.0  # D7
    short_hold_ms: float = 200.0  # D7
    short_hold_offset_m: float = 0.002  # D7
    short_hold_offset_rad: float = 0.035  # D7: 2 degrees
    short_hold_count: int = 3  # D7
    short_hold_window_s: float = 60.0  # D7
    estop_hold_s: float = 2.0  # D7: bedside stop held 2 s
    engage_hand_v_m_s: float = 0.02  # S8.7: refuse when the hand moves faster
    lift_hold_ms: float = 300.0  # derived: three missed repeats of 10 Hz
    auto_lift: bool = False  # D7: ships disabled
    link_silent_ms: float = 1000.0  # S4.3: one of two paths lost is DEGRADED
    needle_force_n: float = 8.0  # derived: skin puncture 1 to 5 N, friction up to 3 N at 100 mm
    needle_image_ms: float = 100.0  # derived: loop 50 ms, a frame at 30/s, and one page frame
    needle_pivot_rad_s: float = 0.05  # derived: 3 mm/s at the probe, 60 mm from the entry point
    w_tolerance_rad_s: float = 0.12  # derived: v_tolerance_m_s at 160 mm depth
    force_step_n: float = 4.0  # derived: 0.1 m/s on 5000 N/m makes 2.5 N in 5 ms; S11: 5 N steps
    force_rate_n_s: float = 200.0  # derived: v_contact_m_s on 5000 N/m makes 150 N/s
    contact_power_w: float = 0.8  # derived: force_cap_n at v_contact_m_s is 0.6 W


DEFAULT = Limits()


def _numbers(limits: Limits, name: str) -> tuple[float, ...]:
    value = getattr(limits, name)
    return tuple(value) if isinstance(value, tuple) else (value,)


def _is_wider(name: str, value: tuple[float, ...]) -> bool:
    way = ABSOLUTE[name].wider
    return any((v - d) * way > 0 for v, d in zip(value, _numbers(DEFAULT, name), strict=True))


def widened(limits: Limits) -> list[str]:
    """Names of the limits that allow more than the design's policy (shown as a banner)."""
    return [name for name in ABSOLUTE if _is_wider(name, _numbers(limits, name))]


def check(limits: Limits, simulated: bool) -> None:
    """Refuse limits that may not be used; LimitsError names the field, its value and the bound.

    `simulated` is what the arm's driver declares, never what the configuration says.
    """
    for name, bound in ABSOLUTE.items():
        value = _numbers(limits, name)
        if len(value) != len(_numbers(DEFAULT, name)):
            raise LimitsError(f"{name}: {value} must have {len(_numbers(DEFAULT, name))} numbers")
        if not all(math.isfinite(v) and bound.low <= v <= bound.high for v in value):
            raise LimitsError(
                f"{name} = {getattr(limits, name)} is outside {bound.low} to {bound.high}, "
                "which no configuration may leave"
            )
        if not simulated and _is_wider(name, value):
            raise LimitsError(
                f"{name} = {getattr(limits, name)} is wider than {getattr(DEFAULT, name)}; "
                "limits may be widened only for a simulated arm"
            )
    _check_order(limits)


def _check_order(limits: Limits) -> None:
    for low, high in ORDERED:
        if getattr(limits, low) > getattr(limits, high):
            raise LimitsError(
                f"{low} = {getattr(limits, low)} exceeds {high} = {getattr(limits, high)}"
            )
    if any(a >= b for a, b in zip(limits.workspace_min_m, limits.workspace_max_m, strict=True)):
        raise LimitsError(
            f"workspace_min_m = {limits.workspace_min_m} is not below "
            f"workspace_max_m = {limits.workspace_max_m}"
        )


def from_json(data: object) -> Limits:
    """Limits from a decoded JSON object; LimitsError: unknown field or wrong type."""
    if not isinstance(data, dict):
        raise LimitsError(f"limits must be an object, not {type(data).__name__}")
    values: dict[str, Any] = {}
    for name, value in data.items():
        if name not in ABSOLUTE:
            raise LimitsError(f"{name} is no limit; the names are those of safety/limits.py")
        values[name] = _typed(name, value)
    return Limits(**values)


def _typed(name: str, value: object) -> Any:
    default = getattr(DEFAULT, name)
    if isinstance(default, bool):
        good = isinstance(value, bool)
    elif isinstance(default, tuple):
        good = isinstance(value, list | tuple) and all(
            isinstance(v, int | float) and not isinstance(v, bool) for v in value
        )
    elif isinstance(default, int):
        good = isinstance(value, int) and not isinstance(value, bool)
    else:
        good = isinstance(value, int | float) and not isinstance(value, bool)
    if not good:
        raise LimitsError(f"{name} = {value!r} should look like {default!r}")
    kind: Any = type(default)
    return tuple(map(float, value)) if kind is tuple else kind(value)  # type: ignore[call-overload]


def limits_hash(limits: Limits) -> int:
    """32-bit hash of all limits; rides on each command, a mismatch refuses arming."""
    text = ";".join(f"{k}={v!r}" for k, v in sorted(dataclasses.asdict(limits).items()))
    return zlib.crc32(text.encode())
