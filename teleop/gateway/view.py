"""What the pages are told: one `Telemetry` from what the other processes reported (pure).

A report that is too old is not shown as if it were true: a silent guard is a fault, a silent arm
has no force. Missing data never means zero.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from safety.messages import ArmState, GuardReport, MediaStatus, ServoReport
from safety.states import Alarm, Cause, Clamp, ContactState, PermitKind, State, Step
from transport.multilink import LinkQuality
from transport.percentile import Percentiles
from transport.schema import LinkState, Telemetry

UNKNOWN = -1000.0
"""A number that is not known now (NaN is refused on the wire). No real value comes near it."""

ORIGIN = (0.0, 0.0, 0.0)
NO_TURN = (0.0, 0.0, 0.0, 1.0)
LATCHED = (State.SAFE_STOP, State.ESTOP, State.FAULT)
NOTHING: Mapping[str, Any] = MappingProxyType(
    {
        "stamp_us": 0,
        "state": int(State.INIT),
        "state_ms": 0.0,
        "first_out": int(Cause.NONE),
        "causes": 0,
        "live_causes": 0,
        "alarm": int(Alarm.NONE),
        "step": int(Step.WAIT_FOR_ARM),
        "epoch": 0,
        "engagement": 0,
        "permit": int(PermitKind.NONE),
        "contact": 0,
        "contact_state": int(ContactState.LOST),
        "instrument": 0,
        "clamps": 0,
        "force_n": UNKNOWN,
        "force_ref_n": UNKNOWN,
        "f_max_n": 0.0,
        "v_max_m_s": 0.0,
        "probe_p_m": ORIGIN,
        "probe_q": NO_TURN,
        "probe_v_m_s": ORIGIN,
        "q_rad": (0.0,) * 7,
        "offset_m": UNKNOWN,
        "loop_ms": -1.0,
        "age_ms": -1.0,
        "image_ms": -1.0,
        "haptic_ms": -1.0,
        "slots_missed": 0,
        "qualified": 0.0,
        "mark_shown": False,
        "mark_ok": False,
        "stop_tested": False,
        "bedside_input": False,
        "bedside_page": False,
        "consent": False,
        "consent_left_s": 0.0,
        "acknowledged": False,
        "deadman": False,
        "session": 0,
        "fps": 0.0,
        "live": False,
        "observe_only": True,
        "stop_ms": -1.0,
        "stop_force_n": UNKNOWN,
        "needle_depth_m": UNKNOWN,
        "needle_v_m_s": UNKNOWN,
        "needle_force_n": UNKNOWN,
        "needle_plan": 0,
        "needle_goal_m": 0.0,
        "needle_advance": False,
        "punctures": 0,
        "needle_gate": 0.0,
        "needle_pivot_rad": 0.0,
        "needle_attempts": 0,
        "zero_serial": 0,
        "zero_ok": True,
        "powered": False,
        "braked": False,
        "simulated": False,
        "widened": False,
        "servo_lateness_us": UNKNOWN,
        "commands_accepted": 0,
        "commands_rejected": 0,
        "last_rejection": 0,
        "not_real_time": False,
        "links": (),
    }
)
"""Telemetry before anything was heard."""

GUARD_SAME = (
    "needle_advance", "needle_attempts",
    "causes", "live_causes", "epoch", "engagement", "slots_missed", "mark_ok", "stop_tested",
    "bedside_input", "bedside_page", "consent", "acknowledged", "deadman", "session", "powered",
    "braked", "simulated", "commands_accepted", "commands_rejected", "last_rejection",
)  # fmt: skip
GUARD_ENUMS = (
    "needle_plan",
    "state", "first_out", "alarm", "step", "permit", "contact", "instrument", "clamps",
)  # fmt: skip
GUARD_NUMBERS = (
    "needle_goal_m",
    "f_max_n", "v_max_m_s", "loop_ms", "age_ms", "image_ms", "haptic_ms", "qualified", "stop_ms",
    "stop_force_n",
)  # fmt: skip
"""Fields of `GuardReport` that telemetry has under the same name."""


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything telemetry is made of. `None`: never seen, or too old where so said."""

    now_ns: int
    seq: int
    report: GuardReport | None
    guard_alive: bool
    servo: ServoReport | None
    """None when too old."""
    arm: ArmState | None
    arm_alive: bool
    media: MediaStatus | None
    """None when too old."""
    loop: Percentiles
    age: Percentiles
    record_drops: int
    not_real_time: bool
    links: tuple[LinkQuality, ...] = ()
    """Of the driving console."""


def finite(value: float) -> float:
    """`value`, or `UNKNOWN` when it is NaN or infinite."""
    return value if math.isfinite(value) else UNKNOWN


def guard_silent(report: GuardReport) -> GuardReport:
    """What must be assumed of a guard that no longer reports: the arm box has braked the arm."""
    latched = report.state in LATCHED
    cause = report.first_out if latched else Cause.GUARD_OVERRUN
    return dataclasses.replace(
        report,
        state=report.state if latched else State.FAULT,
        since_ns=report.stamp_ns,
        first_out=cause,
        causes=report.causes | 1 << Cause.GUARD_OVERRUN,
        live_causes=report.live_causes | 1 << Cause.GUARD_OVERRUN,
        alarm=Alarm.HIGH,
        step=Step.CLEAR_CAUSE,
        permit=PermitKind.NONE,
        v_max_m_s=0.0,
        f_max_n=0.0,
        age_ms=-1.0,
        loop_ms=-1.0,
        image_ms=-1.0,
        haptic_ms=-1.0,
        qualified=0.0,
        deadman=False,
        consent=False,
        braked=False,
        powered=False,
    )


def link_state(quality: LinkQuality) -> LinkState:
    """A link's quality in the whole numbers of the wire."""

    def scaled(value: float, unit: float) -> int:
        return -1 if value < 0.0 else min(round(value * unit), 1_000_000_000)

    return LinkState(
        open=quality.open,
        silent_ms=scaled(quality.silent_ms, 1.0),
        rtt_us=scaled(quality.rtt_ms, 1e3),
        loss_up_permille=scaled(quality.loss_up, 1e3),
        loss_down_permille=scaled(quality.loss_down, 1e3),
        variation_up_us=scaled(quality.variation_up_ms, 1e3),
        variation_down_us=scaled(quality.variation_down_ms, 1e3),
    )


def change_key(telemetry: Telemetry) -> tuple[object, ...]:
    """What is sent at once when it changes."""
    t = telemetry
    return (
        t.state, t.first_out, t.causes, t.alarm, t.step, t.instrument, t.mark_shown, t.mark_ok,
        t.stop_tested, t.bedside_input, t.bedside_page, t.consent, t.acknowledged, t.session,
        t.live, t.observe_only, t.zero_serial,
    )  # fmt: skip


def compose(facts: Facts) -> Telemetry:
    """The telemetry of this moment."""
    report = facts.report
    if report is not None and not facts.guard_alive:
        report = guard_silent(report)
    values = _start(facts)
    if report is not None:
        values |= _from_guard(report, facts.now_ns)
    values |= _from_arm(facts)
    if facts.servo is not None:
        values |= _from_servo(facts.servo, int(values["clamps"]))
    if facts.media is not None:
        values |= {
            "fps": finite(facts.media.fps),
            "live": facts.media.live,
            "observe_only": facts.media.observe_only,
        }
    return Telemetry(**values)


def _start(facts: Facts) -> dict[str, Any]:
    """What does not depend on any one process."""
    return dict(NOTHING) | {
        "seq": facts.seq,
        "loop_p50_ms": facts.loop.p50_ms,
        "loop_p95_ms": facts.loop.p95_ms,
        "loop_p99_ms": facts.loop.p99_ms,
        "age_p50_ms": facts.age.p50_ms,
        "age_p95_ms": facts.age.p95_ms,
        "age_p99_ms": facts.age.p99_ms,
        "record_drops": facts.record_drops,
        "not_real_time": facts.not_real_time,
        "links": tuple(link_state(quality) for quality in facts.links),
    }


def _from_guard(report: GuardReport, now_ns: int) -> dict[str, Any]:
    values: dict[str, Any] = {name: getattr(report, name) for name in GUARD_SAME}
    values |= {name: int(getattr(report, name)) for name in GUARD_ENUMS}
    values |= {name: finite(getattr(report, name)) for name in GUARD_NUMBERS}
    return values | {
        "state_ms": max(0.0, (now_ns - report.since_ns) / 1e6),
        "consent_left_s": max(0.0, (report.consent_until_ns - now_ns) / 1e9),
        "mark_shown": report.mark >= 0 and not report.mark_ok,
        "widened": report.limits_widened,
    }


def _from_arm(facts: Facts) -> dict[str, Any]:
    """The last pose is kept for the drawing; force and needle only while they are measured."""
    arm = facts.arm
    if arm is None:
        return {}
    values: dict[str, Any] = {
        "stamp_us": arm.force_stamp_ns // 1000,
        "probe_p_m": tuple(finite(x) for x in arm.base_p_probe_m),
        "probe_q": tuple(finite(x) for x in arm.base_q_probe),
        "probe_v_m_s": tuple(finite(x) for x in arm.base_v_probe_m_s),
        "q_rad": tuple(finite(x) for x in arm.q_rad),
        "zero_serial": arm.zero_serial & 0xFFFFFFFF,
        "zero_ok": arm.zero_ok,
    }
    if facts.arm_alive:
        values["needle_depth_m"] = finite(arm.needle_depth_m)
        if arm.force_valid:
            filtered = facts.servo.force_filtered_n if facts.servo else arm.force_n[2]
            values["force_n"] = finite(filtered)
    return values


def _from_servo(servo: ServoReport, guard_clamps: int) -> dict[str, Any]:
    return {
        "contact_state": int(servo.contact),
        "force_ref_n": finite(servo.force_ref_n),
        "offset_m": finite(servo.offset_m),
        "clamps": guard_clamps | int(Clamp(servo.clamps)),
        "needle_v_m_s": finite(servo.needle_v_m_s),
        "needle_force_n": finite(servo.needle_force_n),
        "punctures": servo.punctures,
        "needle_gate": finite(servo.needle_gate),
        "needle_pivot_rad": finite(servo.needle_pivot_rad),
        "servo_lateness_us": finite(servo.lateness_us),
    }
