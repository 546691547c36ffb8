"""The needle bench for the runner of the kit."""

from __future__ import annotations

import msgspec

from bench.kit.model import Case, Figure, Measured, Series, Target
from bench.needle import cohort, contact, link, rcm, whole
from bench.needle.cases import Spec, targets
from bench.needle.patient import draw
from bench.needle.puncture import Trial, run

NOTE = (
    "lumped: the arm follows the skin with 0.2 mm residual, pictures are numbers with noise; "
    "needle law, axis, gates, aiming, plan, permit and watchdogs are the product's"
)


class NeedleBench:
    """Does a puncture succeed, and is it safe?"""

    name = "needle"
    title = "Needle insertion"
    module = "bench.needle.bench"
    targets: tuple[Target, ...] = targets()

    def run(self, case: Case) -> Measured:
        """Measure one case."""
        spec = msgspec.json.decode(case.config, type=Spec)
        if spec.kind == "rcm":
            return _pivot(spec)
        if spec.kind == "contact":
            return _pressed(spec)
        if spec.kind == "cut":
            trials = [Trial(draw(spec.first + i), cut_at_s=at) for i, at in enumerate(spec.cuts_s)]
            found = cohort.after_cut([run(trial) for trial in trials])
        elif spec.kind == "whole":
            return _cut_off(spec)
        elif spec.kind == "stop":
            return _stopped(spec)
        else:
            found = cohort.measured([run(_trial(spec, i)) for i in range(spec.count)])
        return msgspec.structs.replace(found, notes=(NOTE,))


def _trial(spec: Spec, index: int) -> Trial:
    return Trial(
        draw(spec.first + index, spec.registration),
        link.OUTAGES if spec.outages else link.FIVE_G,
        spec.compensate,
        spec.gate,
    )


def _pivot(spec: Spec) -> Measured:
    found = rcm.run(spec.in_plane_deg, spec.off_plane_deg, spec.hold)
    return Measured(
        figures=(
            Figure("largest deviation", "mm", round(found.max_mm, 5)),
            Figure("rms deviation", "mm", round(found.rms_mm, 5)),
        ),
        series=(Series("deviation from the entry point", "mm", found.errors_mm[::10],
                       line_at=0.2, headline=True),),
    )  # fmt: skip


def _pressed(spec: Spec) -> Measured:
    found = contact.run(spec.breathing_m)
    return Measured(
        figures=(
            Figure("largest deviation", "mm", round(found.max_mm, 5)),
            Figure("rms deviation", "mm", round(found.rms_mm, 5)),
            Figure("tip along the shaft", "mm", round(found.tip_mm, 5)),
            Figure("force deviation", "N", round(found.force_n, 4)),
        ),
        series=(Series("deviation from the entry point", "mm", found.errors_mm[::10],
                       line_at=0.2, headline=True),),
    )  # fmt: skip


def _cut_off(spec: Spec) -> Measured:
    found = whole.cuts(spec.first, spec.cuts_s)
    ways = tuple(round(cut.moved_m * 1e3, 5) for cut in found)
    forces = tuple(round(cut.added_n, 4) for cut in found)
    tips = max(cut.tip_m for cut in found)
    return Measured(
        figures=(
            Figure("needle moved after the cut", "mm", max(ways), len(found)),
            Figure("tip moved in tissue", "mm", round(tips * 1e3, 5), len(found)),
            Figure("contact force added", "N", max(forces), len(found)),
            Figure("added in HOLD", "N", round(max(cut.hold_n for cut in found), 4), len(found)),
            Figure("vessel or bone touched", "cuts", sum(cut.touched for cut in found), len(found)),
            Figure("guard held", "%", 100.0 * sum(c.held for c in found) / len(found), len(found)),
        ),
        series=(
            Series("way after the cut", "mm", ways, line_at=0.5, headline=True),
            Series("contact force added", "N", forces, line_at=1.0),
        ),
    )


def _stopped(spec: Spec) -> Measured:
    """Brakes: what stopping adds, and what the patient adds by breathing against them."""
    found = whole.cuts(spec.first, spec.cuts_s, whole.stop)
    forces = tuple(round(cut.added_n, 4) for cut in found)
    rest_n = max(cut.rest_n for cut in found)
    moved_m = max(cut.moved_m for cut in found)
    return Measured(
        figures=(
            Figure("needle moved after the stop", "mm", round(moved_m * 1e3, 5), len(found)),
            Figure("added until standstill", "N", round(rest_n, 4), len(found)),
            Figure("added by one breath against the brakes", "N", max(forces), len(found)),
        ),
        series=(Series("added by one breath against the brakes", "N", forces, headline=True),),
    )


BENCH = NeedleBench()
