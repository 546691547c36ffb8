"""The arm's power line: ordered on once the arm is seen, cut for ESTOP and for failed brakes."""

from __future__ import annotations

from dataclasses import dataclass

from safety.messages import ArmState


@dataclass(slots=True)
class Power:
    """`ordered` is what guard drives; `cut` stays until both people allow power again."""

    ordered: bool = False
    cut: bool = False
    on: bool = False
    """The arm reported power at the last look."""
    was_on: bool = False
    """It had power since guard ordered it (or since the last cut)."""

    def update(self, arm: ArmState, fresh: bool) -> tuple[bool, bool]:
        """Look at the arm; return (had power before guard ordered any, newly powered)."""
        if not fresh:
            return False, False
        foreign = arm.powered and not self.ordered and not self.cut
        new = arm.powered and not self.on
        self.on = arm.powered
        self.was_on = self.was_on or arm.powered
        return foreign, new

    def lost(self, fresh: bool) -> bool:
        """Power went away although it is ordered."""
        return fresh and self.ordered and self.was_on and not self.on

    def order(self) -> None:
        """Let the arm have power unless it is cut."""
        self.ordered = not self.cut

    def set_cut(self, cut: bool) -> None:
        """Cut power, or allow it again."""
        if cut:
            self.was_on = False
            self.ordered = False
        self.cut = cut
