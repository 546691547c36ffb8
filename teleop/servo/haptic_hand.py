"""A haptic hand drives: its touch is held gently until the hand feels it (docs/haptics.md)."""

from __future__ import annotations

from dataclasses import replace

from haptics.bilateral.touch_cap import TouchCap
from safety.messages import Permit
from safety.states import ContactState

TOUCHING = frozenset({ContactState.TOUCH, ContactState.PRESS, ContactState.LOST})
"""Contact, or skin that is being found again."""


def for_haptic_hand(touch: TouchCap, permit: Permit) -> Permit:
    """The permit with the force reference that a haptic hand may have now; others unchanged."""
    command = permit.command
    if not command.handle:
        return permit
    reference = touch.reference_n(command.force_ref_n, command.touch_echo)
    return replace(permit, command=replace(command, force_ref_n=reference))
