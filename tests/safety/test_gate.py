"""The gate: each check, their order, and that refused bytes change nothing."""

from __future__ import annotations

import math
import random
import zlib
from dataclasses import replace

import pytest

from safety.frame import SafetyFrame, pack
from safety.gate import TINY, Gate, Rejection, command
from safety.limits import Limits, limits_hash
from safety.memory import COMMAND
from safety.stamps import Echo, StampTable
from safety.states import Authenticity, Clamp

MS = 1_000_000
NOW = 50_000_000_000
LIMITS = Limits()
HASH = limits_hash(LIMITS)
LIFE = 50 * MS

GOOD = SafetyFrame(
    session=7, epoch=5, seq=10, echo_ns=NOW - 10 * MS, echo_nonce=1234, frame_id=99, dwell_us=5,
    haptic_echo_us=0, haptic_dwell_us=0, flags=1, mode=0, deadman_edges=1,
    hand_p_m=(0.1, 0.0, 0.0), hand_r_rad=(0.0, 0.0, 0.0), hand_v_m_s=(0.0, 0.0, 0.0),
    hand_w_rad_s=(0.0, 0.0, 0.0), force_ref_n=5.0, needle_v_m_s=0.0, limits_hash=HASH,
)  # fmt: skip


def table() -> StampTable:
    stamps = StampTable()
    for k in range(30):
        stamps.issue(NOW - (60 - 2 * k) * MS, 1209 + k, LIFE)
    return stamps


def judge(
    data: bytes, gate: Gate | None = None, now: int = NOW, session: int = 7, epoch: int = 5
) -> SafetyFrame | Rejection:
    return (gate or Gate()).check(
        data, now, authenticity=Authenticity.GENUINE, session=session, epoch=epoch,
        stamps=table(), limits=LIMITS, limits_hash=HASH,
    )  # fmt: skip


def test_a_good_frame_passes_and_counts() -> None:
    gate, stamps = Gate(), table()
    frame = gate.check(
        pack(GOOD),
        NOW,
        authenticity=Authenticity.GENUINE,
        session=7,
        epoch=5,
        stamps=stamps,
        limits=LIMITS,
        limits_hash=HASH,
    )
    assert isinstance(frame, SafetyFrame)
    assert frame == replace(GOOD, hand_p_m=frame.hand_p_m)
    assert (gate.accepted, gate.rejected, gate.seq) == (1, 0, 10)
    assert stamps.newest_echo_ns == GOOD.echo_ns


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"session": 8}, Rejection.WRONG_SESSION),
        ({"session": 0}, Rejection.WRONG_SESSION),
        ({"epoch": 4}, Rejection.WRONG_EPOCH),
        ({"epoch": 6}, Rejection.WRONG_EPOCH),
        ({"echo_nonce": 1233}, Rejection.ECHO_UNKNOWN),
        ({"echo_ns": GOOD.echo_ns + 1}, Rejection.ECHO_UNKNOWN),
        ({"echo_ns": NOW + MS}, Rejection.ECHO_UNKNOWN),
        ({"echo_ns": NOW - 52 * MS, "echo_nonce": 1213}, Rejection.TOO_OLD),
        ({"limits_hash": HASH ^ 1}, Rejection.LIMITS_MISMATCH),
        ({"mode": 2}, Rejection.IMPLAUSIBLE),
        ({"force_ref_n": -0.1}, Rejection.IMPLAUSIBLE),
        ({"force_ref_n": 101.0}, Rejection.IMPLAUSIBLE),
        ({"hand_p_m": (21.0, 0.0, 0.0)}, Rejection.IMPLAUSIBLE),
        ({"hand_r_rad": (0.0, 21.0, 0.0)}, Rejection.IMPLAUSIBLE),
        ({"needle_v_m_s": 1.1}, Rejection.IMPLAUSIBLE),
    ],
)
def test_each_check(change: dict[str, object], reason: Rejection) -> None:
    gate = Gate()
    assert judge(pack(replace(GOOD, **change)), gate) == reason  # type: ignore[arg-type]
    assert (gate.accepted, gate.rejected, gate.last, gate.seq) == (0, 1, reason, -1)


def test_without_a_lease_nothing_passes() -> None:
    assert judge(pack(replace(GOOD, session=0)), session=0) == Rejection.WRONG_SESSION


def test_the_life_of_a_stamp_is_exact() -> None:
    at_limit = replace(GOOD, echo_ns=NOW - 50 * MS, echo_nonce=1214)
    assert isinstance(judge(pack(at_limit)), SafetyFrame)
    assert judge(pack(at_limit), now=NOW + 1) == Rejection.TOO_OLD


def test_sequence_is_strictly_newer_within_an_epoch_only() -> None:
    gate = Gate(epoch=5, seq=10)
    assert judge(pack(GOOD), gate) == Rejection.NOT_NEWER
    assert judge(pack(replace(GOOD, seq=9)), gate) == Rejection.NOT_NEWER
    assert isinstance(judge(pack(replace(GOOD, seq=11)), gate), SafetyFrame)
    assert gate.seq == 11
    assert isinstance(judge(pack(replace(GOOD, epoch=6, seq=1)), gate, epoch=6), SafetyFrame)


def test_a_frame_far_ahead_does_not_lock_the_operator_out_unless_it_was_valid() -> None:
    """The flaw of RAVEN II: a forged number moves the expected sequence although refused."""
    gate = Gate(epoch=5, seq=10)
    forged = replace(GOOD, seq=10_000, echo_nonce=1)
    assert judge(pack(forged), gate) == Rejection.ECHO_UNKNOWN
    assert isinstance(judge(pack(replace(GOOD, seq=11)), gate), SafetyFrame)


def test_echoes_never_decrease_but_may_repeat() -> None:
    stamps = table()
    assert stamps.judge(NOW - 10 * MS, 1234, NOW, LIFE) == Echo.VALID
    stamps.use(NOW - 10 * MS)
    assert stamps.judge(NOW - 10 * MS, 1234, NOW, LIFE) == Echo.VALID
    assert stamps.judge(NOW - 12 * MS, 1233, NOW, LIFE) == Echo.DECREASING


def test_issued_stamps_are_forgotten_after_their_life() -> None:
    stamps = StampTable()
    for k in range(1000):
        stamps.issue(NOW + k * MS, k, LIFE)
    assert len(stamps.issued) == 51


def test_two_thousand_damaged_frames_are_refused_and_move_nothing() -> None:
    rng = random.Random(11)
    gate = Gate(epoch=5, seq=9)
    raw = pack(GOOD)
    for n in range(2000):
        data = bytearray(raw)
        kind = n % 4
        if kind == 0:
            data = bytearray(rng.randbytes(rng.choice([0, 1, 60, 123, 124, 125, 4096])))
        elif kind == 1:
            for _ in range(rng.randrange(1, 6)):
                data[rng.randrange(len(data) - 16)] ^= 1 << rng.randrange(8)
        elif kind == 2:
            data = data[: rng.randrange(len(data))]
        else:  # structure-aware: one field broken, CRC right again
            at = rng.randrange(4, 100)
            data[at : at + 4] = rng.choice([b"\xff\xff\xff\xff", b"\x00\x00\xc0\x7f", bytes(4)])
            data[104:108] = zlib.crc32(bytes(data[:104])).to_bytes(4, "little")
        before = (gate.epoch, gate.seq, gate.accepted)
        result = judge(bytes(data), gate)
        if isinstance(result, Rejection):
            assert result != Rejection.NONE
            assert (gate.epoch, gate.seq, gate.accepted) == before
        else:  # a change that is harmless: still every number in range
            assert kind == 3
            out, _ = command(result, LIMITS)
            assert all(map(math.isfinite, (*out.hand_p_m, *out.hand_v_m_s, out.force_ref_n)))
            gate.epoch, gate.seq, gate.accepted = before
    assert gate.rejected > 1000


def test_numbers_are_clamped_into_the_limits_and_said() -> None:
    out, clamps = command(replace(GOOD, force_ref_n=50.0, dwell_us=900_000), LIMITS)
    assert (out.force_ref_n, out.dwell_us) == (20.0, 100_000)
    assert clamps == Clamp.FORCE_REFERENCE
    out, clamps = command(replace(GOOD, needle_v_m_s=-0.5), LIMITS)
    assert (out.needle_v_m_s, clamps) == (-0.005, Clamp.SPEED)
    out, clamps = command(GOOD, LIMITS)
    assert (out.force_ref_n, clamps) == (5.0, Clamp.NONE)


def test_denormals_do_not_reach_servo() -> None:
    tiny = replace(GOOD, hand_p_m=(1e-40, -1e-300, 0.25), force_ref_n=1e-42, needle_v_m_s=-1e-40)
    out, _ = command(tiny, LIMITS)
    assert out.hand_p_m == (0.0, 0.0, 0.25)
    assert (out.force_ref_n, out.needle_v_m_s) == (0.0, 0.0)
    assert COMMAND.unpack(COMMAND.pack(out)) == out


@pytest.mark.parametrize(("change", "good"), [
    ({"hand_p_m": (20.0, 0.0, 0.0)}, True), ({"hand_p_m": (20.001, 0.0, 0.0)}, False),
    ({"hand_r_rad": (0.0, -20.0, 0.0)}, True), ({"hand_r_rad": (0.0, -20.001, 0.0)}, False),
    ({"force_ref_n": 0.0}, True), ({"force_ref_n": 0.5}, True), ({"force_ref_n": -0.001}, False),
    ({"force_ref_n": 100.0}, True), ({"force_ref_n": 100.001}, False),
    ({"needle_v_m_s": 1.0}, True), ({"needle_v_m_s": -1.001}, False),
])  # fmt: skip
def test_the_borders_of_what_a_console_can_mean(change: dict[str, object], good: bool) -> None:
    found = judge(pack(replace(GOOD, **change)))  # type: ignore[arg-type]
    assert isinstance(found, SafetyFrame) is good
    assert good or found == Rejection.IMPLAUSIBLE


def test_what_is_tiny_is_nothing_and_what_is_at_the_cap_is_not_clamped() -> None:
    tiny = replace(
        GOOD, force_ref_n=TINY, needle_v_m_s=-TINY, hand_p_m=(TINY, -TINY, 2 * TINY),
        hand_r_rad=(0.0, TINY, -2 * TINY),
    )  # fmt: skip
    found, clamps = command(tiny, LIMITS)
    assert (found.force_ref_n, found.needle_v_m_s, clamps) == (0.0, 0.0, Clamp.NONE)
    assert (found.hand_p_m, found.hand_r_rad) == ((0.0, 0.0, 2 * TINY), (0.0, 0.0, -2 * TINY))
    just = replace(GOOD, force_ref_n=LIMITS.force_cap_n, needle_v_m_s=-LIMITS.needle_v_m_s)
    found, clamps = command(just, LIMITS)
    assert (found.force_ref_n, found.needle_v_m_s, clamps) == (
        LIMITS.force_cap_n, -LIMITS.needle_v_m_s, Clamp.NONE,
    )  # fmt: skip
