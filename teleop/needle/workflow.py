"""Stages of needle work as a table, followed from what guard and arm report (pure).

The workflow only follows: guard decides what may move (`safety/needle.py`), the pages show it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import IntEnum

from haptics.iiwa import PROBE_ENTRY_M, PROBE_GUIDE_AXIS, PROBE_P_GUIDE_M
from safety.states import Instrument, NeedlePlan
from teleop.needle.aiming import Advice, Aiming, slid, to_picture, to_tissue
from teleop.needle.plan import PathCheck, PathRefusal, Point, at_depth, beside, on_guide
from transport.schema import NeedlePath, NeedleReport, NeedleState

HOME_M = 0.0005
REACHED_M = 0.001
"""Depth is reached this close to the target's."""
TIPS_KEPT = 200
SEEN_M, SEEN_RAD = 0.0005, 0.003
"""A smaller change of the aim is not told anew."""


class Stage(IntEnum):
    """Where the work stands. Text: `needle_stage.NAME`."""

    NO_NEEDLE = 0
    PLAN = 1
    PROPOSED = 2
    CONFIRMED = 3
    ADVANCING = 4
    REACHED = 5
    ABORTED = 6
    """The plan ended with the needle out of its home: only withdrawal is left."""
    DONE = 7


class Seen(IntEnum):
    """What the reports show, the strongest first."""

    UNMOUNTED = 0
    MOUNTED = 1
    HOME = 2
    PLAN_LOST = 3
    PROPOSED = 4
    CONFIRMED = 5
    LEFT_HOME = 6
    AT_TARGET = 7


TABLE: dict[tuple[Stage, Seen], Stage] = {
    **{(stage, Seen.UNMOUNTED): Stage.NO_NEEDLE for stage in Stage if stage},
    (Stage.NO_NEEDLE, Seen.MOUNTED): Stage.PLAN,
    (Stage.PLAN, Seen.PROPOSED): Stage.PROPOSED,
    (Stage.PLAN, Seen.LEFT_HOME): Stage.ABORTED,
    (Stage.DONE, Seen.PROPOSED): Stage.PROPOSED,
    (Stage.DONE, Seen.LEFT_HOME): Stage.ABORTED,
    (Stage.PROPOSED, Seen.PLAN_LOST): Stage.PLAN,
    (Stage.PROPOSED, Seen.CONFIRMED): Stage.CONFIRMED,
    (Stage.CONFIRMED, Seen.PLAN_LOST): Stage.PLAN,
    (Stage.CONFIRMED, Seen.PROPOSED): Stage.PROPOSED,
    (Stage.CONFIRMED, Seen.LEFT_HOME): Stage.ADVANCING,
    (Stage.ADVANCING, Seen.HOME): Stage.DONE,
    (Stage.ADVANCING, Seen.PLAN_LOST): Stage.ABORTED,
    (Stage.ADVANCING, Seen.AT_TARGET): Stage.REACHED,
    (Stage.REACHED, Seen.HOME): Stage.DONE,
    (Stage.ABORTED, Seen.HOME): Stage.DONE,
}
"""Stage and what is seen to the next stage; any other pair changes nothing."""

GUIDE = (PROBE_P_GUIDE_M[0], PROBE_P_GUIDE_M[2], PROBE_GUIDE_AXIS[0], PROBE_GUIDE_AXIS[2])
OUT = frozenset({Stage.ADVANCING, Stage.REACHED, Stage.ABORTED})
"""The needle is out of its home."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the workflow is told, from the newest reports."""

    now_ns: int
    instrument: Instrument
    plan: NeedlePlan
    depth_m: float
    """NaN: not measured."""
    force_n: float
    punctures: int
    attempts: int
    turned_rad: float = 0.0
    """Of the guide since the needle left home."""


@dataclass(slots=True)
class Insertion:
    """What one insertion gathers for its report."""

    started_ns: int = 0
    deepest_m: float = 0.0
    peak_n: float = 0.0
    punctures_before: int = 0
    punctures: int = 0
    reached: bool = False
    tips: list[Point] = field(default_factory=list)
    """Tissue coordinates."""
    aiming: Aiming = field(default_factory=Aiming)
    shown: tuple[int, ...] = ()
    """Advice and turn as they were told, rounded."""


@dataclass(slots=True)
class Workflow:
    """State of the work; every change raises `changes`."""

    stage: Stage = Stage.NO_NEEDLE
    refused: PathRefusal = PathRefusal.NONE
    path: NeedlePath | None = None
    found: PathCheck | None = None
    insertion: Insertion = field(default_factory=Insertion)
    report: NeedleReport | None = None
    changes: int = 0

    def propose(self, path: NeedlePath, found: PathCheck) -> bool:
        """Take a path that was checked; True: guard may be asked."""
        self.changes += 1
        self.refused = found.refused
        if self.stage is Stage.NO_NEEDLE:
            self.refused = PathRefusal.NO_NEEDLE
        elif self.stage in OUT:
            self.refused = PathRefusal.NEEDLE_NOT_HOME
        if self.stage not in OUT:
            self.path, self.found = path, found
        return self.refused is PathRefusal.NONE

    def tip(self, point: Point) -> None:
        """The expert marked the tip in the picture."""
        if self.stage in OUT and len(self.insertion.tips) < TIPS_KEPT:
            seen = to_tissue(point, self.insertion.aiming.turned_rad)
            self.insertion.tips.append(seen)
            self.insertion.aiming.saw(seen)
            self.changes += 1

    def follow(self, f: Facts) -> None:
        """Take what the reports show."""
        for seen in self._seen(f):
            to = TABLE.get((self.stage, seen))
            if to is not None and to is not self.stage:
                self._enter(to, f)
                break
        if self.stage in OUT:
            self._gather(f)

    def _seen(self, f: Facts) -> list[Seen]:
        home = not f.depth_m > HOME_M
        mounted = f.instrument is Instrument.PROBE_NEEDLE
        target = self.found.depth_m - REACHED_M if self.found else math.inf
        facts = (
            (not mounted and home, Seen.UNMOUNTED),
            (mounted, Seen.MOUNTED),
            (home, Seen.HOME),
            (f.plan is NeedlePlan.NONE, Seen.PLAN_LOST),
            (f.plan is NeedlePlan.PROPOSED, Seen.PROPOSED),
            (f.plan is NeedlePlan.CONFIRMED, Seen.CONFIRMED),
            (not home, Seen.LEFT_HOME),
            (f.depth_m >= target, Seen.AT_TARGET),
        )
        return [seen for true, seen in facts if true]

    def _enter(self, to: Stage, f: Facts) -> None:
        before, self.stage = self.stage, to
        self.changes += 1
        if before not in OUT and to in OUT:
            entry = (
                (self.path.entry_x_m, self.path.entry_z_m) if self.path else at_depth(PROBE_ENTRY_M)
            )
            self.insertion = Insertion(
                started_ns=f.now_ns,
                punctures_before=f.punctures,
                aiming=Aiming(on_guide(entry)[0]),
            )
            self.report = None
        if to is Stage.REACHED:
            self.insertion.reached = True
        if before in OUT and to not in OUT:
            self.report = self._report(f)
        if to is Stage.NO_NEEDLE:
            self.path = self.found = None

    def _gather(self, f: Facts) -> None:
        now, had = self.insertion, self.insertion.punctures
        if math.isfinite(f.depth_m) and math.isfinite(f.turned_rad):
            now.deepest_m = max(now.deepest_m, f.depth_m + slid(f.turned_rad))
            now.aiming.moved(f.depth_m, f.turned_rad)
        if math.isfinite(f.force_n):
            now.peak_n = max(now.peak_n, f.force_n)
        now.punctures = max(0, f.punctures - now.punctures_before)
        self.changes += now.punctures != had
        shown = self._shown()
        self.changes += shown != now.shown
        now.shown = shown

    def _advice(self) -> Advice | None:
        if self.found is None or self.stage not in OUT:
            return None
        return self.insertion.aiming.advice(self.found.depth_m, self.found.offset_m)

    def _shown(self) -> tuple[int, ...]:
        """What the page shows of the aim, in steps that a person sees."""
        advice = self._advice()
        values = [self.insertion.aiming.turned_rad / SEEN_RAD]
        if advice is not None:
            values += [advice.off_m / SEEN_M, advice.turn_rad / SEEN_RAD]
        return tuple(round(value) for value in values)

    def _report(self, f: Facts) -> NeedleReport:
        """Planned against seen tip; the axis stands in where nobody marked one."""
        i = self.insertion
        path = self.path
        target = (path.target_x_m, path.target_z_m) if path else (0.0, 0.0)
        tip = i.tips[-1] if i.tips else at_depth(i.deepest_m)
        return NeedleReport(
            outcome="REACHED" if i.reached else "ABORTED",
            target_m=target,
            tip_m=tip,
            seen=bool(i.tips),
            error_m=math.dist(target, tip) if path else -1.0,
            depth_m=i.deepest_m,
            peak_force_n=i.peak_n,
            punctures=i.punctures,
            attempts=f.attempts,
            seconds=(f.now_ns - i.started_ns) / 1e9,
        )

    def message(self) -> NeedleState:
        """What all pages are told."""
        found, path, advice = self.found, self.path, self._advice()
        turned_rad = self.insertion.aiming.turned_rad if self.stage in OUT else 0.0
        target = (path.target_x_m, path.target_z_m) if path else None
        arrival = beside(found.depth_m, found.offset_m + advice.off_m) if found and advice else None
        return NeedleState(
            stage=self.stage.name,
            refused=str(self.refused),
            path=path,
            depth_m=found.depth_m if found else 0.0,
            offset_m=found.offset_m if found else 0.0,
            margin_vessel_m=found.margin_vessel_m if found else -1.0,
            margin_bone_m=found.margin_bone_m if found else -1.0,
            tips=tuple(to_picture(tip, turned_rad) for tip in self.insertion.tips),
            guide=GUIDE,
            report=self.report,
            target=to_picture(target, turned_rad) if target else None,
            arrival=to_picture(arrival, turned_rad) if arrival else None,
            aim_off_m=advice.off_m if advice else 0.0,
            aim_turn_rad=advice.turn_rad if advice else 0.0,
        )
