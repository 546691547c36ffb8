"""The cases of the needle bench, and its targets."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Literal

import msgspec

from bench.kit.model import Case, Group, Param, Target

PATIENTS = 1000
SHARD = 250
"""Patients per case: a run is parallel and resumable by cases."""
ABLATION = 100
QUICK_PATIENTS, QUICK_ABLATION, QUICK_CUTS, QUICK_STOPS = 12, 3, 4, 2
CUTS, STOPS = 200, 50
TRUNK_S, QUICK_TRUNK_S = 50.0, 8.0
"""Of the insertion that the cuts branch off."""
SECONDS_EACH = 1.0
CUT_SECONDS = 1.5
FIRST_PATIENT = 10_000_000
"""Patients below this number are for tuning; the bench draws from here on, 100,000 per seed."""
Kind = Literal["cohort", "cut", "whole", "stop", "rcm", "contact"]


class Spec(msgspec.Struct, frozen=True):
    """Parameters of one case."""

    kind: Kind
    first: int = 0
    count: int = 1
    registration: float = 1.0
    outages: bool = False
    compensate: bool = True
    gate: bool = True
    in_plane_deg: float = 0.0
    off_plane_deg: float = 0.0
    hold: bool = True
    breathing_m: float = 0.0
    cuts_s: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the user asked for."""

    quick: bool = False
    seed: int = 1
    patients: int = PATIENTS


def _case(key: str, title: str, spec: Spec, seconds: float, *, baseline: bool = False) -> Case:
    shown = tuple(
        Param(name, str(value))
        for name, value in msgspec.to_builtins(spec).items()
        if name in ("first", "count", "registration") and spec.kind == "cohort"
    )
    return Case(
        key, title, shown, msgspec.json.encode(spec), spec.first, seconds, False, baseline
    )  # fmt: skip


def plan(wanted: Wanted) -> list[Case]:
    """All cases."""
    base = FIRST_PATIENT + wanted.seed * 100_000
    total = QUICK_PATIENTS if wanted.quick else wanted.patients
    few = QUICK_ABLATION if wanted.quick else min(ABLATION, wanted.patients)
    cases = []
    for start in range(0, total, SHARD):
        count = min(SHARD, total - start)
        title = f"patients {start + 1} to {start + count}, 5G (10 ms, 1 ms jitter, 1 % loss)"
        spec = Spec("cohort", base + start, count)
        cases.append(_case(f"patients-{start + 1}", title, spec, count * SECONDS_EACH))
    for key, title, changes in ABLATIONS:
        spec = msgspec.structs.replace(Spec("cohort", base, few), **changes)
        baseline = key.startswith("without")
        cases.append(_case(key, title, spec, few * SECONDS_EACH, baseline=baseline))
    cases += _cut_cases(wanted, base)
    for key, title, changes in PIVOTS:
        cases.append(_case(key, title, msgspec.structs.replace(Spec("rcm"), **changes), 6.0))
    for key, title, breathing_m in PRESSED:
        cases.append(_case(key, title, Spec("contact", breathing_m=breathing_m), 8.0))
    return cases


def _cut_cases(wanted: Wanted, base: int) -> list[Case]:
    """The cut in the whole system, and in the lumped world of many patients."""
    rng = random.Random(wanted.seed)
    cuts = QUICK_CUTS if wanted.quick else CUTS
    trunk_s = QUICK_TRUNK_S if wanted.quick else TRUNK_S
    steps = tuple(round(rng.uniform(0.2, 1.8) * trunk_s / cuts, 3) for _ in range(cuts))
    stops = QUICK_STOPS if wanted.quick else STOPS
    pauses = tuple(round(rng.uniform(0.2, 1.8) * trunk_s / stops, 3) for _ in range(stops))
    moments = tuple(round(rng.uniform(5.0, 45.0), 3) for _ in range(cuts))
    words = f"link cut for good at {cuts} moments"
    return [
        _case("link-cut", f"{words}: guard, servo, arm box",
              Spec("whole", wanted.seed, cuts, cuts_s=steps),
              8.0 + 0.4 * trunk_s + CUT_SECONDS * cuts),
        _case("stop-bedside", f"stop pressed at the bedside at {stops} moments: brakes",
              Spec("stop", wanted.seed, stops, cuts_s=pauses),
              8.0 + 0.4 * trunk_s + CUT_SECONDS * stops),
        _case("link-cut-patients", f"{words}: a patient each, lumped",
              Spec("cut", base, cuts, cuts_s=moments), cuts * 0.7),
    ]  # fmt: skip


ABLATIONS: tuple[tuple[str, str, dict[str, object]], ...] = (
    ("registration-per-axis", "registration 1 mm and 0.5 deg in each axis",
     {"registration": 3.0**0.5}),
    ("outages", "5G with an outage of 20 to 150 ms every 25 s", {"outages": True}),
    ("without-aiming", "without deflection compensation", {"compensate": False}),
    ("without-gating", "without breathing gate", {"gate": False}),
    ("without-both", "without compensation and gate", {"compensate": False, "gate": False}),
)  # fmt: skip
PIVOTS: tuple[tuple[str, str, dict[str, object]], ...] = (
    ("pivot-4", "remote centre, 4 deg in plane (the product's range)", {"in_plane_deg": 4.0}),
    ("pivot-15-10", "remote centre, 15 and 10 deg", {"in_plane_deg": 15.0, "off_plane_deg": 10.0}),
    ("without-rcm-rows", "15 and 10 deg without the two rows of the remote centre",
     {"in_plane_deg": 15.0, "off_plane_deg": 10.0, "hold": False}),
)  # fmt: skip


PRESSED: tuple[tuple[str, str, float], ...] = (
    ("pivot-pressed", "remote centre, 4 deg, probe pressed with 4 N at 600 N/m", 0.0),
    ("pivot-pressed-breathing", "the same on skin that breathes 8 mm", 0.008),
)


def targets() -> tuple[Target, ...]:
    """Limits for every shard of patients, the cut and the remote centre."""
    rows: list[Target] = []
    for start in range(0, PATIENTS, SHARD):
        key = f"patients-{start + 1}"
        rows += [
            Target(Group.EFFECT, "needle: first-attempt success", key, "first-attempt success",
                   ">=", 98.0, "%", "93 % in animals; 91 % (CT robot, pigs)"),
            Target(Group.EFFECT, "needle: tip within 2.5 mm", key, "within 2.5 mm", ">=", 90.0,
                   "%"),
            Target(Group.EFFECT, "needle: mean tip error", key, "mean tip error", "<=", 1.5, "mm",
                   "phantom 1.8 mm; freehand 1.6 mm"),
            Target(Group.SAFETY, "needle: no vessel or bone touched", key,
                   "vessel or bone touched", "<=", 0.0, "patients"),
            Target(Group.SAFETY, "needle: never forward on a stale picture", key,
                   "ordered forward on a stale picture", "<=", 0.0, "steps"),
        ]  # fmt: skip
    rows += [
        Target(Group.EFFECT, "needle: punctures missed", "patients-1", "punctures missed", "<=",
               1.0, "%"),
        Target(Group.EFFECT, "needle: false punctures", "patients-1", "false punctures", "<=", 1.0,
               "per 100"),
        *(Target(Group.SAFETY, f"needle: moves after the link is lost ({words})", key,
                 "needle moved after the cut", "<=", 0.5, "mm")
          for key, words in (("link-cut", "whole system"), ("link-cut-patients", "patients"))),
        Target(Group.SAFETY, "needle: contact force after the link is lost", "link-cut",
               "contact force added", "<=", 1.0, "N"),
        Target(Group.SAFETY, "needle: contact force of a bedside stop, until standstill",
               "stop-bedside", "added until standstill", "<=", 1.0, "N"),
        Target(Group.EFFECT, "remote centre", "pivot-15-10", "largest deviation", "<=", 0.2, "mm",
               "0.12 mm (position servo, P 150)"),
        Target(Group.EFFECT, "remote centre, product's range", "pivot-4", "largest deviation",
               "<=", 0.2, "mm"),
        Target(Group.EFFECT, "remote centre, pressed", PRESSED[0][0],
               "largest deviation", "<=", 0.2, "mm"),
        Target(Group.EFFECT, "remote centre, pressed, breathing", PRESSED[1][0],
               "largest deviation", "<=", 0.2, "mm"),
    ]  # fmt: skip
    return tuple(rows)
