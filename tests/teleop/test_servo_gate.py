"""No drive without a permit: every kind, with every way in which a permit can be wrong."""

from __future__ import annotations

import dataclasses

import pytest

from safety.messages import Permit
from safety.states import PermitKind
from teleop.servo.health import NO_PERMIT
from teleop.servo.permit_gate import AHEAD_NS, DRIVING, Mode, PermitGate

MS = 1_000_000
NOW = 10**10
LIFE = 20 * MS
DRIVE_KINDS = [k for k in PermitKind if k is not PermitKind.NONE]
MODE_OF = {
    PermitKind.OPERATE: Mode.OPERATE,
    PermitKind.REGULATE: Mode.REGULATE,
    PermitKind.LIFT: Mode.LIFT,
    PermitKind.LOCAL: Mode.LOCAL,
}


def permit(
    kind: PermitKind, *, epoch: int = 5, issued_ns: int = NOW, life_ns: int = LIFE
) -> Permit:
    return dataclasses.replace(
        NO_PERMIT, kind=kind, epoch=epoch, issued_ns=issued_ns, valid_until_ns=issued_ns + life_ns
    )


def gate() -> PermitGate:
    return PermitGate(LIFE)


@pytest.mark.parametrize("kind", PermitKind)
def test_a_valid_permit_allows_its_kind_and_nothing_else(kind: PermitKind) -> None:
    assert gate().judge(NOW, 1, permit(kind)) is MODE_OF.get(kind, Mode.BRAKE)


@pytest.mark.parametrize("kind", DRIVE_KINDS)
def test_validity_ends_at_its_time(kind: PermitKind) -> None:
    g = gate()
    assert g.judge(NOW + LIFE - 1, 1, permit(kind)) in DRIVING
    assert g.judge(NOW + LIFE, 1, permit(kind)) is Mode.YIELD
    assert g.lapsed


BAD = {
    "never received": (0, {}),
    "expired": (1, {"issued_ns": NOW - LIFE}),
    "from the future": (1, {"issued_ns": NOW + AHEAD_NS + 1}),
    "older epoch": (1, {"epoch": 4}),
    "lives too long": (1, {"life_ns": LIFE + 1}),
}


@pytest.mark.parametrize("kind", PermitKind)
@pytest.mark.parametrize("why", BAD)
def test_a_bad_permit_never_drives(kind: PermitKind, why: str) -> None:
    seq, changes = BAD[why]
    g = gate()
    g.judge(NOW - 1, 1, permit(PermitKind.NONE, issued_ns=NOW - 1))
    assert g.judge(NOW, seq, permit(kind, **changes)) is Mode.BRAKE
    assert not g.lapsed


@pytest.mark.parametrize("kind", DRIVE_KINDS)
@pytest.mark.parametrize("why", BAD)
def test_a_permit_that_goes_bad_while_driving_leaves_only_yielding(
    kind: PermitKind, why: str
) -> None:
    seq, changes = BAD[why]
    g = gate()
    assert g.judge(NOW - 1, 1, permit(kind, issued_ns=NOW - 1)) in DRIVING
    assert g.judge(NOW, seq, permit(kind, **changes)) is Mode.YIELD
    assert g.lapsed


@pytest.mark.parametrize("first", DRIVE_KINDS)
@pytest.mark.parametrize("then", DRIVE_KINDS)
def test_after_a_lapse_only_a_newer_epoch_drives(first: PermitKind, then: PermitKind) -> None:
    g = gate()
    g.judge(NOW, 1, permit(first))
    late = NOW + LIFE
    g.judge(late, 1, permit(first))
    assert g.judge(late, 2, permit(then, issued_ns=late)) is Mode.YIELD
    assert g.judge(late, 3, permit(then, issued_ns=late, epoch=4)) is Mode.YIELD
    assert g.lapsed
    assert g.judge(late, 4, permit(then, issued_ns=late, epoch=6)) is MODE_OF[then]
    assert not g.lapsed


def test_an_order_to_brake_is_always_obeyed_and_is_no_lapse() -> None:
    g = gate()
    g.judge(NOW, 1, permit(PermitKind.OPERATE))
    assert g.judge(NOW, 2, permit(PermitKind.NONE)) is Mode.BRAKE
    assert g.judge(NOW + LIFE, 2, permit(PermitKind.NONE)) is Mode.BRAKE
    assert not g.lapsed


def test_a_brake_order_after_a_lapse_does_not_lift_the_lapse() -> None:
    g = gate()
    g.judge(NOW, 1, permit(PermitKind.OPERATE))
    late = NOW + LIFE
    g.judge(late, 1, permit(PermitKind.OPERATE))
    assert g.judge(late, 2, permit(PermitKind.NONE, issued_ns=late)) is Mode.BRAKE
    assert g.lapsed
    assert g.judge(late, 3, permit(PermitKind.OPERATE, issued_ns=late)) is Mode.BRAKE
