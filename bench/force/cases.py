"""The plan of the force bench, and its targets."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec

from bench.force.spec import Ablation, Kind, Law, Spec
from bench.kit.model import Case, Comparison, Group, Param, Target

STIFFNESS = (200.0, 500.0, 1000.0, 2000.0, 4000.0)
LOST_STIFFNESS = (200.0, 1000.0, 4000.0)
LAWS = (Law.VELOCITY, Law.TORQUE)
BREATHING_M = 0.010
RELIEF_M = 0.010
SCAN_M_S = 0.020
SLOWNESS = 0.5
"""Wall time per virtual second on a quiet machine."""
SHOWN = ("kind", "law", "stiffness_n_m", "reference_n", "breathing_m", "breathing_hz", "relief_m",
         "scan_m_s", "control_hz", "command_hz", "delay_ms", "seconds", "ablation")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wanted:
    """Options of the command."""

    quick: bool = False
    seed: int = 1
    trajectories: tuple[Path, ...] = ()


def key_of(spec: Spec) -> str:
    """Stable name of a case."""
    parts = [spec.kind.value, spec.law.value]
    if spec.kind is not Kind.FREE:
        parts.append(f"k{spec.stiffness_n_m:g}")
    if spec.reference_n != Spec.__struct_defaults__[1]:
        parts.append(f"{spec.reference_n:g}N")
    if spec.breathing_m and spec.kind is Kind.HOLD:
        parts.append(f"breathing{spec.breathing_m * 1e3:g}mm-{spec.breathing_hz:g}Hz")
    if spec.scan_m_s:
        parts.append(f"{spec.scan_m_s * 1e3:g}mms")
    if spec.kind is Kind.FREE:
        parts.append(f"{spec.command_hz}Hz")
    if spec.kind is Kind.REAL_TIME:
        parts.append(f"{spec.control_hz}Hz")
    if spec.delay_ms:
        parts.append(f"late{spec.delay_ms:g}ms")
    if spec.trajectory:
        parts.append(Path(spec.trajectory).name.split(".")[0])
    if spec.ablation:
        parts.append(spec.ablation.value)
    return "-".join(parts)


def case_of(spec: Spec) -> Case:
    """The case of a spec."""
    params = tuple(
        Param(name, str(value)) for name in SHOWN if (value := getattr(spec, name)) not in ("", 0.0)
    )
    title = f"{spec.kind.value}, {spec.law.value} arm, {spec.stiffness_n_m:g} N/m"
    lost_s = {Kind.LINK_LOST: spec.losses * 7.0, Kind.SYSTEM_LOST: 30.0 + spec.losses * 3.0}
    spans = lost_s.get(spec.kind, spec.seconds + 4.0)
    real = spec.kind is Kind.REAL_TIME
    expected_s = SLOWNESS * spans + real * (spec.seconds + 8.0)
    return Case(
        key_of(spec), title, params, msgspec.json.encode(spec), spec.seed, expected_s,
        exclusive=real, baseline=bool(spec.ablation),
    )  # fmt: skip


def plan(wanted: Wanted) -> list[Case]:
    """Every row of the table for both laws, and the ablations."""
    specs = _quick(wanted) if wanted.quick else _full(wanted)
    return [case_of(msgspec.structs.replace(spec, seed=wanted.seed)) for spec in specs]


def _quick(wanted: Wanted) -> list[Spec]:
    """Every kind of target at 1000 N/m, and the landing where it is hardest."""
    out: list[Spec] = []
    for law in LAWS:
        out += [
            Spec(Kind.HOLD, law, seconds=2.0),
            Spec(Kind.HOLD, law, breathing_m=BREATHING_M, seconds=4.0),
            Spec(Kind.SCAN, law, breathing_m=BREATHING_M, relief_m=RELIEF_M, scan_m_s=SCAN_M_S,
                 seconds=3.0),
            Spec(Kind.FREEHAND, law, breathing_m=BREATHING_M, relief_m=0.004, seconds=3.0),
            Spec(Kind.LINK_LOST, law, breathing_m=BREATHING_M, relief_m=0.004, scan_m_s=SCAN_M_S,
                 losses=2),
        ]  # fmt: skip
        out += [Spec(Kind.TOUCH, law, k, seconds=1.5) for k in (200.0, 1000.0)]
        out += [Spec(Kind.FREE, law, command_hz=hz, seconds=2.0) for hz in (200, 50)]
        out += [_system_lost(law, 1000.0, losses=2), _real(law, 1000, 2.0)]
    return out


def _system_lost(law: Law, stiffness_n_m: float, losses: int) -> Spec:
    return Spec(Kind.SYSTEM_LOST, law, stiffness_n_m, breathing_m=BREATHING_M, relief_m=0.004,
                scan_m_s=SCAN_M_S, control_hz=500, losses=losses)  # fmt: skip


def _real(law: Law, control_hz: int, seconds: float) -> Spec:
    return Spec(Kind.REAL_TIME, law, breathing_m=BREATHING_M, relief_m=RELIEF_M,
                scan_m_s=SCAN_M_S, control_hz=control_hz, seconds=seconds)  # fmt: skip


def _full(wanted: Wanted) -> list[Spec]:
    out: list[Spec] = []
    for law in LAWS:
        for k in STIFFNESS:
            out += [
                Spec(Kind.HOLD, law, k),
                Spec(Kind.HOLD, law, k, breathing_m=BREATHING_M, seconds=12.0),
                Spec(Kind.SCAN, law, k, breathing_m=BREATHING_M, relief_m=RELIEF_M,
                     scan_m_s=SCAN_M_S, seconds=13.0),
                Spec(Kind.TOUCH, law, k, seconds=2.5),
                Spec(Kind.FREEHAND, law, k, breathing_m=BREATHING_M, relief_m=0.004, seconds=20.0),
            ]  # fmt: skip
        out += [Spec(Kind.HOLD, law, 1000.0, reference_n=n) for n in (2.0, 15.0)]
        out += [Spec(Kind.HOLD, law, k, breathing_m=0.020, breathing_hz=0.5, seconds=12.0)
                for k in (200.0, 1000.0)]  # fmt: skip
        out += [Spec(Kind.FREE, law, command_hz=hz, seconds=8.0) for hz in (200, 50)]
        out += [Spec(Kind.LINK_LOST, law, k, breathing_m=BREATHING_M, relief_m=0.004,
                     scan_m_s=SCAN_M_S) for k in LOST_STIFFNESS]  # fmt: skip
        out += _late(law)
        out += [_system_lost(law, k, losses=12) for k in LOST_STIFFNESS]
        out += [_real(law, hz, 20.0) for hz in (500, 1000)]
        out += _ablations(law)
        out += [
            Spec(Kind.FREEHAND, law, 1000.0, breathing_m=BREATHING_M, relief_m=0.004,
                 seconds=60.0, trajectory=str(file))
            for file in wanted.trajectories
        ]  # fmt: skip
    return out


def _late(law: Law) -> list[Spec]:
    """More delay in the loop than this arm has: how much margin is left (no target)."""
    return [
        Spec(Kind.HOLD, law, k, breathing_m=BREATHING_M, seconds=8.0, delay_ms=late_ms)
        for k in LOST_STIFFNESS
        for late_ms in (5.0, 10.0, 20.0)
    ]


def _ablations(law: Law) -> list[Spec]:
    off = Ablation.FEED_FORWARD
    return [
        Spec(Kind.TOUCH, law, 200.0, seconds=2.5, ablation=Ablation.ADAPTATION),
        Spec(Kind.TOUCH, law, 4000.0, seconds=2.5, ablation=Ablation.ADAPTATION),
        Spec(Kind.TOUCH, law, 1000.0, seconds=2.5, ablation=Ablation.RAMP),
        Spec(Kind.HOLD, law, 1000.0, breathing_m=BREATHING_M, seconds=12.0, ablation=off),
        Spec(Kind.HOLD, law, 4000.0, breathing_m=BREATHING_M, seconds=12.0, ablation=off),
        Spec(Kind.HOLD, law, 1000.0, breathing_m=BREATHING_M, seconds=12.0,
             ablation=Ablation.PLAIN),
        Spec(Kind.SCAN, law, 1000.0, breathing_m=BREATHING_M, relief_m=RELIEF_M,
             scan_m_s=SCAN_M_S, seconds=13.0, ablation=off),
    ]  # fmt: skip


def _target(
    what: str,
    spec: Spec,
    figure: str,
    limit: float,
    unit: str,
    reference: str = "",
    group: Group = Group.EFFECT,
    comparison: Comparison = "<=",
) -> Target:
    return Target(group, what, key_of(spec), figure, comparison, limit, unit, reference)


def _of_law(law: Law) -> list[Target]:
    arm = f"{law.value} arm"
    torque = law is Law.TORQUE
    out: list[Target] = []
    for k in STIFFNESS:
        at = f"{arm}, {k:g} N/m"
        still, breathing = Spec(Kind.HOLD, law, k), Spec(Kind.HOLD, law, k, breathing_m=BREATHING_M)
        moving = Spec(Kind.SCAN, law, k, breathing_m=BREATHING_M, relief_m=RELIEF_M,
                      scan_m_s=SCAN_M_S)  # fmt: skip
        landing = Spec(Kind.TOUCH, law, k)
        hand = Spec(Kind.FREEHAND, law, k, breathing_m=BREATHING_M, relief_m=0.004)
        rms = "force error rms"
        out += [
            _target(f"static hold, {at}", still, rms, 0.03, "N", "published end effector 0.57 N"),
            _target(f"hidden oscillation, {at}", still, "force rms above 100 Hz", 0.02, "N",
                    "fixed rotational damping 0.17 N"),
            _target(f"breathing 10 mm, {at}", breathing, rms, 0.05 if torque else 0.10, "N",
                    "adaptive admittance: -73 to -78 % against plain force control"),
            _target(f"breathing and scan, {at}", moving, rms, 0.06 if torque else 0.15, "N"),
            _target(f"the same, peak, {at}", moving, "force error peak", 0.5, "N"),
            _target(f"the same, contact lost, {at}", moving, "contact lost", 0.0, "%"),
            _target(f"touch overshoot, {at}", landing, "overshoot", 5.0 if k <= 200 else 3.0, "%",
                    "unramped reference 37 %"),
            _target(f"touch settled, {at}", landing, "settling time", 1.0 if k <= 200 else 0.5,
                    "s"),
            _target(f"freehand force, {at}", hand, rms, 0.15, "N"),
            _target(f"freehand motion, {at}", hand, "tangential error rms", 0.5, "mm"),
        ]  # fmt: skip
    limits = {200: 0.7, 50: 0.9} if torque else {200: 0.3, 50: 0.5}
    out += [_target(f"free motion, {hz} Hz commands, {arm}", Spec(Kind.FREE, law, command_hz=hz),
                    "following error rms", mm, "mm") for hz, mm in limits.items()]  # fmt: skip
    out += [_target(f"link lost, {arm}, {k:g} N/m", Spec(Kind.LINK_LOST, law, k, relief_m=0.004,
                    scan_m_s=SCAN_M_S), "force added by a lost link", 1.0, "N",
                    group=Group.SAFETY) for k in LOST_STIFFNESS]  # fmt: skip
    out += [_target(f"link lost, whole system, {arm}, {k:g} N/m", _system_lost(law, k, 0),
                    "force added by a lost link", 1.0, "N", group=Group.SAFETY)
            for k in LOST_STIFFNESS]  # fmt: skip
    out += [
        _target(
            f"breathing and scan, real processes, {arm}, {hz} Hz",
            _real(law, hz, 0.0),
            "force error rms",
            0.06 if torque else 0.15,
            "N",
        )
        for hz in (500, 1000)
    ]
    return out


TARGETS: tuple[Target, ...] = tuple(t for law in LAWS for t in _of_law(law))
