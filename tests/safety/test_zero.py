"""The force zero at guard: who may ask for it, when, and what it does to the trust in the bias."""

from __future__ import annotations

from dataclasses import replace

import pytest
from harness import MS, Rig, arm_state, prepared

from safety.contact import ContactWatch
from safety.limits import Limits
from safety.states import EventKind, Source, State


def asked(rig: Rig) -> int:
    """The serial that the arm box sees."""
    assert rig.out is not None
    return rig.out.enable.zero_serial


def ask(rig: Rig, source: Source = Source.BEDSIDE_PAGE) -> bool:
    """True: the request reached the arm box."""
    before = asked(rig)
    rig.send(EventKind.FORCE_ZERO, 0, source)
    rig.run(0.01)
    return asked(rig) != before


def idle() -> Rig:
    rig = prepared("to_connected")
    rig.set_gateway(console_open=False, console_session=0)
    rig.run(0.2)
    assert rig.state == State.IDLE
    return rig


def local() -> Rig:
    rig = prepared("to_qualified")
    rig.send(EventKind.LOCAL_ENTER)
    rig.run(0.05)
    assert rig.state == State.LOCAL
    return rig


@pytest.mark.parametrize("source", [Source.BEDSIDE_PAGE, Source.BEDSIDE_KEY])
def test_the_bedside_may_ask_while_nobody_drives(source: Source) -> None:
    rig = idle()
    assert ask(rig, source)
    assert ask(rig, source), "each request has its own number"


@pytest.mark.parametrize("source", [Source.CONSOLE, Source.SUPERVISOR])
def test_nobody_else_may_ask(source: Source) -> None:
    rig = idle()
    assert not ask(rig, source)
    assert rig.core.memory.events_refused == 1


@pytest.mark.parametrize("stage", ["to_connected", "to_qualified", "to_armed", "to_active"])
def test_not_while_an_expert_is_there(stage: str) -> None:
    assert not ask(prepared(stage))


def test_in_local_only_at_rest() -> None:
    rig = local()
    rig.speed = 1.5 * Limits().stop_speed_m_s
    rig.run(0.02)
    assert not ask(rig)
    rig.speed = 0.0
    rig.run(0.02)
    assert ask(rig)


def test_in_idle_not_while_the_arm_moves() -> None:
    rig = idle()
    rig.arm_obeys_brake = False
    rig.speed = 0.01
    rig.run(0.006)
    assert not ask(rig)


@pytest.mark.parametrize("taken", [True, False])
def test_only_a_zero_that_the_box_took_brings_back_trust(taken: bool) -> None:
    watch, limits = ContactWatch(), Limits()
    now = 5_000_000_000

    def feed(force_n: float, serial: int, ok: bool) -> None:
        nonlocal now
        now += MS
        arm = replace(arm_state(now), force_n=(0.0, 0.0, force_n), zero_serial=serial, zero_ok=ok)
        watch.update(arm, True, now, limits)

    feed(0.1, 0, True)
    feed(0.11, 0, True)
    feed(6.0, 0, True)
    assert not watch.bias_trusted
    feed(0.0, 1, taken)
    assert watch.bias_trusted is taken
