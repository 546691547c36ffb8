"""Every kind of safety frame at the gate: what gets through, and what it may carry (I2, I6, I7)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

from bench.explore.choices import Chooser, every
from safety.frame import SafetyFrame, pack
from safety.gate import Gate, Rejection, command
from safety.limits import Limits, limits_hash
from safety.messages import Command
from safety.stamps import StampTable
from safety.states import Authenticity

NOW_NS = 10**12
SESSION, EPOCH, NONCE, SEQ = 7, 1 << 33, 77, 1000
AGES_NS = (-1, 0, 1, 10_000_000, 49_999_999, 50_000_000, 50_000_001, 60_000_000, 10**10)
"""Around the limit of 50 ms, from the future, and long ago."""
_NUMBERS = (0.0, 1e-300, 5e-10, -1e-12, 0.004, -0.006, 19.0, 21.0, 1e3)
_DEFAULT = Limits()
_HASH = limits_hash(_DEFAULT)


@dataclass(slots=True)
class Frames:
    """What was checked."""

    frames: int = 0
    accepted: int = 0


@dataclass(frozen=True, slots=True)
class _Case:
    """One frame, and whether a reader of docs/safety-concept.md would let it in."""

    data: bytes
    authenticity: Authenticity
    session: int
    last_echo_ns: int
    last: tuple[int, int]
    wanted: bool


@lru_cache(maxsize=1)
def _stamps() -> tuple[tuple[int, int], ...]:
    return tuple((NOW_NS - age, NONCE) for age in AGES_NS if age >= 0)


def _frame(c: Chooser) -> tuple[SafetyFrame, bool]:
    """A frame, and whether its numbers are plausible."""
    number = c.pick("number", _NUMBERS)
    where = c.pick("field", ("hand_p_m", "hand_r_rad", "force_ref_n", "needle_v_m_s"))
    if where in ("hand_p_m", "hand_r_rad"):
        value: object = (number, 0.0, -number)
        good = math.hypot(number, number) <= 20.0
    else:
        value = number
        good = 0.0 <= number <= 100.0 if where == "force_ref_n" else abs(number) <= 1.0
    frame = SafetyFrame(
        session=c.pick("frame session", (SESSION, SESSION + 1)),
        epoch=EPOCH + c.pick("epoch", (0, -1, 1)),
        seq=SEQ,
        echo_ns=NOW_NS - c.pick("age", AGES_NS),
        echo_nonce=c.pick("nonce", (NONCE, NONCE + 1)),
        frame_id=0,
        dwell_us=0,
        haptic_echo_us=0,
        haptic_dwell_us=0,
        flags=1,
        mode=0,
        deadman_edges=1,
        hand_p_m=(0.0, 0.0, 0.0),
        hand_r_rad=(0.0, 0.0, 0.0),
        hand_v_m_s=(0.0, 0.0, 0.0),
        hand_w_rad_s=(0.0, 0.0, 0.0),
        force_ref_n=0.0,
        needle_v_m_s=0.0,
        limits_hash=_HASH + c.pick("hash", (0, 1)),
    )
    return replace(frame, **{where: value}), good  # type: ignore[arg-type]


def _case(c: Chooser) -> _Case:
    frame, plausible = _frame(c)
    age_ns = NOW_NS - frame.echo_ns
    authenticity = c.pick("authenticity", (Authenticity.GENUINE, Authenticity.FORGED))
    session = c.pick("session", (SESSION, 0))
    last = c.pick("last", ((-1, -1), (EPOCH, SEQ - 1), (EPOCH, SEQ), (EPOCH - 1, SEQ + 9)))
    newer_by_ns = c.pick("echo before", (0, -1, 1))
    wanted = (
        authenticity == Authenticity.GENUINE
        and frame.session == session != 0
        and frame.epoch == EPOCH
        and not (last[0] == EPOCH and last[1] >= frame.seq)
        and frame.echo_nonce == NONCE
        and 0 <= age_ns <= 50_000_000
        and newer_by_ns <= 0
        and frame.limits_hash == _HASH
        and plausible
    )
    return _Case(pack(frame), authenticity, session, frame.echo_ns + newer_by_ns, last, wanted)


def _good(c: Command, limits: Limits) -> bool:
    """I6 and I7: inside the limits, finite, and no denormal."""
    numbers = (*c.hand_p_m, *c.hand_r_rad, c.force_ref_n, c.needle_v_m_s)
    clean = all(math.isfinite(x) and (x == 0.0 or abs(x) > 1e-9) for x in numbers)
    return (
        clean
        and 0.0 <= c.force_ref_n <= limits.force_cap_n
        and abs(c.needle_v_m_s) <= limits.needle_v_m_s + 1e-9
    )


def _judge(case: _Case) -> str:
    """Empty: as wanted."""
    gate = Gate(epoch=case.last[0], seq=case.last[1])
    table = StampTable()
    table.issued.extend(_stamps())
    table.newest_echo_ns = case.last_echo_ns
    result = gate.check(
        case.data, NOW_NS, authenticity=case.authenticity, session=case.session, epoch=EPOCH,
        stamps=table, limits=_DEFAULT, limits_hash=_HASH,
    )  # fmt: skip
    refused = isinstance(result, Rejection)
    if refused == case.wanted:
        return f"I2 frame {'refused' if refused else 'accepted'}: {case}"
    moved = (gate.epoch, gate.seq, table.newest_echo_ns) != (*case.last, case.last_echo_ns)
    if isinstance(result, Rejection):
        return f"I2 a refused frame moved the gate: {case}" if moved else ""
    return "" if _good(command(result, _DEFAULT)[0], _DEFAULT) else f"I7 numbers: {case}"


def check(found: Frames, every_nth: int = 1) -> Iterator[str]:
    """Every combination, or every n-th; yields what is broken."""
    for case in itertools.islice(every(_case), 0, None, every_nth):
        found.frames += 1
        found.accepted += case.wanted
        if wrong := _judge(case):
            yield wrong
