"""How far each limit may be moved: the way that widens it, and the ends that nothing may pass."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Wider(IntEnum):
    """Which way a limit must move to allow more."""

    UP = 1
    DOWN = -1
    EITHER = 0
    """A site's choice, not a safety margin; only the absolute bounds apply."""


@dataclass(frozen=True, slots=True)
class Bound:
    """How one limit may move: which way widens it, and the ends that nothing may pass."""

    wider: Wider
    low: float
    high: float


def _up(low: float, high: float) -> Bound:
    return Bound(Wider.UP, low, high)


def _down(low: float, high: float) -> Bound:
    return Bound(Wider.DOWN, low, high)


# The ends are engineering judgement: the tight end still works, the loose end is what a simulated
# arm on a slow, shared machine may need. Forces, speeds and the distance of a short HOLD are never
# loosened beyond what docs/safety-concept.md accept for a patient.
ABSOLUTE: dict[str, Bound] = {
    "command_age_ms": _up(10.0, 500.0),
    "slot_ms": _up(1.0, 20.0),
    "slot_late_ms": _up(5.0, 1000.0),
    "slot_window": _down(20, 60),
    "degraded_misses": _up(1, 40),
    "hold_misses": _up(2, 60),
    "loop_ms": _up(20.0, 1000.0),
    "loop_once_ms": _up(20.0, 1500.0),
    "loop_average_ms": _up(50.0, 500.0),
    "image_stale_ms": _up(50.0, 2000.0),
    "picture_frozen_ms": _up(40.0, 2000.0),
    "haptic_ms": _up(10.0, 1000.0),
    "dwell_max_ms": _up(10.0, 100.0),
    "dwell_disagreement_ms": _up(1.0, 100.0),
    "stamp_life_ms": _up(10.0, 500.0),
    "bucket_ms": _up(50.0, 10000.0),
    "bucket_refill": _up(0.0, 1.0),
    "permit_life_ms": _up(5.0, 60.0),
    "own_gap_ms": _up(5.0, 250.0),
    "arm_silent_ms": _up(5.0, 250.0),
    "servo_silent_ms": _up(5.0, 250.0),
    "gateway_silent_ms": _up(20.0, 1000.0),
    "media_silent_ms": _up(40.0, 2000.0),
    "bedside_page_ms": _up(200.0, 3000.0),
    "force_valid_ms": _down(20.0, 1000.0),
    "force_sample_ms": _up(5.0, 250.0),
    "force_stuck_ms": _up(20.0, 250.0),
    "brake_seen_ms": _up(5.0, 250.0),
    "stop_speed_m_s": _up(0.0005, 0.005),
    "stop_done_ms": _up(40.0, 500.0),
    "rest_drift_m": _up(0.0005, 0.005),
    "v_free_m_s": _up(0.005, 0.1),
    "v_contact_m_s": _up(0.005, 0.1),
    "w_max_rad_s": _up(0.05, 1.0),
    "v_tolerance_m_s": _up(0.005, 0.05),
    "v_over_ms": _up(2.0, 50.0),
    "needle_v_m_s": _up(0.0, 0.005),
    "degraded_scale": _up(0.05, 0.5),
    "ramp_ms": _down(200.0, 5000.0),
    "force_cap_n": _up(1.0, 20.0),
    "force_trip_n": _up(5.0, 25.0),
    "force_cap_degraded_n": _up(1.0, 20.0),
    "regulate_force_n": _up(0.5, 5.0),
    "regulate_v_m_s": _up(0.002, 0.02),
    "regulate_travel_m": _up(0.001, 0.015),
    "yield_margin_n": _up(0.2, 2.0),
    "safe_stop_force_n": _up(0.0, 5.0),
    "discomfort_force_n": _up(0.0, 5.0),
    "lift_v_m_s": _up(0.002, 0.02),
    "lift_travel_m": _up(0.005, 0.03),
    "local_v_m_s": _up(0.01, 0.1),
    "contact_on_n": _up(0.2, 2.0),
    "contact_off_n": _up(0.05, 1.0),
    "workspace_min_m": _down(-1.0, 1.0),
    "workspace_max_m": _up(-1.0, 1.0),
    "tilt_max_rad": _up(0.0, 1.05),
    "qualify_s": _down(0.5, 60.0),
    "qualify_age_ms": _up(5.0, 1000.0),
    "consent_s": _up(2.0, 120.0),
    "degraded_clean_s": _down(0.5, 60.0),
    "hold_max_s": _up(1.0, 300.0),
    "operator_hold_max_s": _up(1.0, 1800.0),
    "short_hold_ms": _up(0.0, 500.0),
    "short_hold_offset_m": _up(0.0, 0.005),
    "short_hold_offset_rad": _up(0.0, 0.0873),
    "short_hold_count": _up(0, 10),
    "short_hold_window_s": _down(10.0, 600.0),
    "estop_hold_s": _up(0.5, 5.0),
    "engage_hand_v_m_s": _up(0.001, 0.1),
    "lift_hold_ms": _up(100.0, 1000.0),
    "auto_lift": Bound(Wider.EITHER, 0, 1),
    "needle_force_n": _up(0.5, 15.0),
    "needle_image_ms": _up(40.0, 2000.0),
    "needle_pivot_rad_s": _up(0.0, 0.1),
    "link_silent_ms": _up(200.0, 10000.0),
    "w_tolerance_rad_s": _up(0.02, 0.5),
    "force_step_n": _up(1.0, 10.0),
    "force_rate_n_s": _up(20.0, 500.0),
    "contact_power_w": _up(0.1, 1.5),
}
"""Per limit: which way is wider, and the absolute ends (same unit). Every field has a row."""

ORDERED: tuple[tuple[str, str], ...] = (
    ("degraded_misses", "hold_misses"),
    ("hold_misses", "slot_window"),
    ("loop_ms", "loop_once_ms"),
    ("contact_off_n", "contact_on_n"),
    ("force_cap_degraded_n", "force_cap_n"),
    ("force_cap_n", "force_trip_n"),
    ("regulate_force_n", "force_cap_n"),
    ("brake_seen_ms", "stop_done_ms"),
    ("permit_life_ms", "own_gap_ms"),
    ("qualify_age_ms", "command_age_ms"),
)
"""The first of each pair may not exceed the second."""
