"""One function per kind of case: set up the loop, act, measure. Pure but for the physics engine."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import numpy as np

from bench.force import hands, measure
from bench.force.rig import HandMotion, Patient, Rig
from bench.force.spec import OPTIONS, Kind, Law, Spec
from bench.kit.bench import BenchError
from bench.kit.model import Figure, Measured, Series
from safety.states import ArmInterface, ContactState

LAND_S = 6.0
SETTLE_S = 2.0
START_S = 1.0
"""The hand begins to move; steady motion is measured."""
LOST_S = 2.0
INTERFACE = {Law.VELOCITY: ArmInterface.VELOCITY, Law.TORQUE: ArmInterface.TORQUE}


def patient_of(spec: Spec) -> Patient:
    """What the spec presses against."""
    return Patient(
        stiffness_n_m=spec.stiffness_n_m,
        exponent=spec.exponent,
        breathing_m=spec.breathing_m,
        breathing_hz=spec.breathing_hz,
        relief_m=spec.relief_m,
    )


def rig_of(spec: Spec) -> Rig:
    """The loop of the spec on the virtual clock."""
    return Rig(
        patient_of(spec),
        INTERFACE[spec.law],
        OPTIONS[spec.ablation],
        hz=spec.control_hz,
        command_hz=spec.command_hz,
        seed=spec.seed,
        delay_ms=spec.delay_ms,
    )


def land(rig: Rig, spec: Spec) -> int:
    """Touch the patient; return the cycle of the touch."""
    rig.order(force_ref_n=spec.reference_n)
    if not rig.until(ContactState.TOUCH, LAND_S):
        raise BenchError("the probe did not find the patient; the scene or the law is broken")
    return len(rig.history)


def touch(spec: Spec) -> Measured:
    """Approach, touch, settle."""
    rig = rig_of(spec)
    try:
        touched = land(rig, spec)
        rig.run(spec.seconds)
        start = max(0, touched - rig.hz // 4)
        figures = measure.touch_figures(rig, touched, spec.reference_n)
        series = measure.trace(rig, start, spec.reference_n)
        return Measured(figures, series, measure.bands(rig, start))
    finally:
        rig.close()


def _pressed(spec: Spec, motion: HandMotion | None) -> tuple[Rig, int, tuple[Figure, ...]]:
    """Land, settle, move the hand if there is one, measure."""
    rig = rig_of(spec)
    try:
        land(rig, spec)
        rig.run(SETTLE_S)
        home, turned = rig.arm.base_p_probe_m, rig.arm.base_q_probe
        if motion is not None:
            rig.start_hand(motion)
            rig.run(START_S)
        start = len(rig.history)
        rig.run(spec.seconds)
        figures = measure.force_figures(rig, start, spec.reference_n)
        if motion is not None:
            away = measure.tangential_mm(rig, start, home, turned)
            figures += (Figure("tangential error rms", "mm", measure.rms(away), len(away)),)
        return rig, start, figures
    finally:
        rig.close()


def hold(spec: Spec) -> Measured:
    """Press in one place; the patient may breathe."""
    rig, start, figures = _pressed(spec, None)
    series = measure.trace(rig, start, spec.reference_n)
    return Measured(figures, series, measure.bands(rig, start))


def scan(spec: Spec) -> Measured:
    """Press and move over the relief."""
    rig, start, figures = _pressed(spec, hands.scan(spec.scan_m_s))
    series = measure.trace(rig, start, spec.reference_n)
    return Measured(figures, series, measure.bands(rig, start))


def freehand(spec: Spec) -> Measured:
    """Press and move like a sonographer."""
    motion = hands.freehand(spec.seed, spec.trajectory)
    spec = msgspec.structs.replace(spec, seconds=min(spec.seconds, motion.path.length_s - START_S))
    rig, start, figures = _pressed(spec, motion)
    series = measure.trace(rig, start, spec.reference_n)
    return Measured(figures, series, measure.bands(rig, start))


def free(spec: Spec) -> Measured:
    """Follow the hand in the air."""
    rig = rig_of(spec)
    try:
        rig.order(force_ref_n=0.0)
        rig.run(0.5)
        home, turned = rig.arm.base_p_probe_m, rig.arm.base_q_probe
        rig.start_hand(hands.lissajous())
        rig.run(hands.SMOOTH_S + 1.0)
        start = len(rig.history)
        rig.run(spec.seconds)
        away = measure.tangential_mm(rig, start, home, turned)
    finally:
        rig.close()
    at = tuple(i / rig.hz for i in range(0, len(away), 10))
    series = Series("following error", "mm", tuple(away[::10].tolist()), at, headline=True)
    figures = (
        Figure("following error rms", "mm", measure.rms(away), len(away)),
        Figure("following error max", "mm", float(away.max()), len(away)),
    )
    return Measured(figures, (series,))


def link_lost(spec: Spec) -> Measured:
    """Cut the link at moments spread over a scan; how much force does it add?"""
    added, reached = [], []
    for i in range(spec.losses):
        rig = rig_of(spec)
        try:
            land(rig, spec)
            rig.start_hand(hands.scan(spec.scan_m_s))
            rig.run(0.05 + 0.37 * i)
            rig.linked = False
            rig.run(0.05)
            before = max(rig.axial_n[-rig.hz // 10 :])
            rig.hold()
            start = len(rig.history)
            rig.run(LOST_S)
            force = np.array(rig.axial_n[start:])
            added.append(float(force.max() - before))
            reached.append(float(force[rig.hz // 2 :].max()))
        finally:
            rig.close()
    figures = (
        Figure("force added by a lost link", "N", max(added), len(added)),
        Figure("force 0.5 s after", "N", max(reached), len(reached)),
    )
    return Measured(figures, (Series("force added", "N", tuple(added), headline=True),))


RUN: dict[Kind, Callable[[Spec], Measured]] = {
    Kind.HOLD: hold,
    Kind.TOUCH: touch,
    Kind.SCAN: scan,
    Kind.FREEHAND: freehand,
    Kind.FREE: free,
    Kind.LINK_LOST: link_lost,
}
