"""What is missing before the arm may move: one checklist, for arming and for a newcomer."""

from __future__ import annotations

from dataclasses import dataclass

from safety.states import State, Step
from safety.transitions import LATCHED, MOVING


@dataclass(slots=True)
class Checklist:
    """Conditions of arming. False is the worst value."""

    alive: bool = False
    bedside_page: bool = False
    bedside_sound: bool = False
    """Sound is on and the page is visible."""
    bedside_input: bool = False
    stop_tested: bool = False
    instrument: bool = False
    """A probe is declared, with or without needle."""
    console: bool = False
    link: bool = False
    """Qualified for the full time."""
    mark: bool = False
    deadman_up: bool = False
    quiet: bool = False
    """No cause is present that arming would fall back for."""


def ready(c: Checklist) -> bool:
    """Everything but the bedside's press."""
    return (
        c.alive
        and c.bedside_page
        and c.bedside_sound
        and c.bedside_input
        and c.stop_tested
        and c.instrument
        and c.console
        and c.link
        and c.mark
        and c.deadman_up
        and c.quiet
    )


def missing(c: Checklist) -> Step:
    """First thing that is missing, in a newcomer's order; NONE: nothing."""
    for good, step in (
        (c.alive, Step.WAIT_FOR_ARM),
        (c.bedside_page, Step.JOIN_BEDSIDE),
        (c.bedside_sound, Step.SOUND_OFF),
        (c.bedside_input and c.stop_tested, Step.TEST_STOP),
        (c.instrument, Step.DECLARE_INSTRUMENT),
        (c.console, Step.JOIN_CONSOLE),
        (c.deadman_up or not c.link, Step.RELEASE_DEADMAN),
        (c.link, Step.WAIT_FOR_LINK),
        (c.mark, Step.READ_MARK),
        (c.quiet, Step.CLEAR_CAUSE),
    ):
        if not good:
            return step
    return Step.NONE


def next_step(
    state: State, c: Checklist, *, acknowledged: bool, power_cut: bool, resumable: bool
) -> Step:
    """What somebody has to do next. `resumable`: a deadman edge is all that HOLD needs."""
    if state in MOVING:
        return Step.NONE
    if state == State.LOCAL:
        return Step.LEAVE_LOCAL
    if state == State.ARMED or (state == State.HOLD and resumable):
        return Step.HOLD_DEADMAN if c.deadman_up else Step.RELEASE_DEADMAN
    if state in LATCHED and not acknowledged and c.console:
        return Step.ACKNOWLEDGE
    if state in LATCHED and power_cut:
        return Step.ALLOW_MOTION if acknowledged else Step.JOIN_CONSOLE
    step = missing(c)
    return Step.ALLOW_MOTION if step == Step.NONE else step
