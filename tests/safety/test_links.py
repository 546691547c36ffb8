"""One of several links is lost: slower and visible, never a stop."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from harness import Rig, prepared

from safety.states import Alarm, Cause, State


def linked(links: int) -> Rig:
    rig = prepared("to_active")
    rig.gateway = replace(rig.gateway, links=links, link_silent_ms=0.0)
    rig.run(0.05)
    assert rig.state == State.ACTIVE
    return rig


@pytest.mark.parametrize("silent_ms", [1000.1, 5000.0, math.inf, math.nan])
def test_a_lost_link_degrades_and_stops_nothing(silent_ms: float) -> None:
    rig = linked(2)
    rig.gateway = replace(rig.gateway, link_silent_ms=silent_ms)
    rig.run(0.01)
    assert rig.state == State.DEGRADED
    assert rig.report.first_out == Cause.LINK_LOST
    assert rig.report.live_causes & 1 << Cause.LINK_LOST
    assert rig.report.alarm == Alarm.LOW
    assert rig.out is not None
    assert rig.out.permit.v_max_m_s == pytest.approx(0.025)
    rig.run(4.0)
    assert rig.state == State.DEGRADED, "it stays as long as the link is away, and no worse"
    rig.gateway = replace(rig.gateway, link_silent_ms=0.0)
    took = rig.until(lambda out: out.report.state == State.ACTIVE, 3.0)
    assert 1990 <= took <= 2080


def test_the_limit_itself_is_not_over_it() -> None:
    rig = linked(2)
    rig.gateway = replace(rig.gateway, link_silent_ms=rig.limits.link_silent_ms)
    rig.run(0.2)
    assert rig.state == State.ACTIVE
    assert not rig.report.live_causes & 1 << Cause.LINK_LOST


def test_a_handover_of_150_ms_on_one_link_changes_nothing() -> None:
    rig = linked(2)
    for silent_ms in range(0, 150, 5):
        rig.gateway = replace(rig.gateway, link_silent_ms=float(silent_ms))
        rig.run(0.005)
        assert rig.state == State.ACTIVE
    assert rig.report.live_causes == 0


def test_with_one_link_the_commands_speak_for_it() -> None:
    rig = linked(1)
    rig.gateway = replace(rig.gateway, link_silent_ms=5000.0)
    rig.run(0.2)
    assert rig.state == State.ACTIVE
