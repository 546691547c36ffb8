"""The gate: checks a safety frame in a fixed order before anything of it is used.

A refused frame moves no state (the flaw of RAVEN II, arXiv 1504.04339): the only
trace is a counter and the reason. The order: authenticity (judged by guard's shell, which has the
keys), bytes, session, epoch, sequence, echo, limits, ranges.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import IntEnum

from safety.frame import FrameError, SafetyFrame, command_of, unpack
from safety.layout import Vec3
from safety.limits import Limits
from safety.messages import Command
from safety.stamps import Echo, StampTable
from safety.states import Authenticity, Clamp

MS = 1_000_000
HAND_P_MAX_M = 20.0
"""Accumulated hand travel beyond any session: a broken console."""
HAND_R_MAX_RAD = 20.0
FORCE_REF_MAX_N = 100.0
"""Beyond it the number is broken, below it is clamped to the cap."""
TINY = 1e-9
"""Smaller magnitudes are flushed to zero: no denormal reaches servo (invariant I7)."""


class Rejection(IntEnum):
    """Why a frame was refused. Text: `rejection.NAME`."""

    NONE = 0
    MALFORMED = 1
    WRONG_SESSION = 2
    WRONG_EPOCH = 3
    NOT_NEWER = 4
    ECHO_UNKNOWN = 5
    ECHO_DECREASING = 6
    TOO_OLD = 7
    LIMITS_MISMATCH = 8
    IMPLAUSIBLE = 9
    NO_KEY = 10
    FORGED = 11


_OF_KEY = {Authenticity.NO_KEY: Rejection.NO_KEY, Authenticity.FORGED: Rejection.FORGED}
_OF_ECHO = {
    Echo.UNKNOWN: Rejection.ECHO_UNKNOWN,
    Echo.DECREASING: Rejection.ECHO_DECREASING,
    Echo.OLD: Rejection.TOO_OLD,
}


@dataclass(slots=True)
class Gate:
    """What the gate remembers between frames."""

    epoch: int = -1
    """Epoch that `seq` belongs to."""
    seq: int = -1
    accepted: int = 0
    rejected: int = 0
    last: Rejection = Rejection.NONE

    def check(
        self,
        data: bytes,
        now_ns: int,
        *,
        authenticity: Authenticity,
        session: int,
        epoch: int,
        stamps: StampTable,
        limits: Limits,
        limits_hash: int,
    ) -> SafetyFrame | Rejection:
        """Return the frame when every check passes, else the reason (counted)."""
        if authenticity is not Authenticity.GENUINE:
            result: SafetyFrame | Rejection = _OF_KEY[authenticity]
        else:
            result = self._judge(data, now_ns, session, epoch, stamps, limits, limits_hash)
        if isinstance(result, Rejection):
            self.rejected += 1
            self.last = result
        else:
            self.accepted += 1
            self.epoch, self.seq = epoch, result.seq
            stamps.use(result.echo_ns)
        return result

    def _judge(
        self,
        data: bytes,
        now_ns: int,
        session: int,
        epoch: int,
        stamps: StampTable,
        limits: Limits,
        limits_hash: int,
    ) -> SafetyFrame | Rejection:
        try:
            frame = unpack(data)
        except FrameError:
            return Rejection.MALFORMED
        if session == 0 or frame.session != session:
            return Rejection.WRONG_SESSION
        if frame.epoch != epoch:
            return Rejection.WRONG_EPOCH
        if self.epoch == epoch and frame.seq <= self.seq:
            return Rejection.NOT_NEWER
        life_ns = int(min(limits.stamp_life_ms, limits.command_age_ms) * MS)
        echo = stamps.judge(frame.echo_ns, frame.echo_nonce, now_ns, life_ns)
        if echo != Echo.VALID:
            return _OF_ECHO[echo]
        if frame.limits_hash != limits_hash:
            return Rejection.LIMITS_MISMATCH
        return frame if _plausible(frame) else Rejection.IMPLAUSIBLE


def _plausible(frame: SafetyFrame) -> bool:
    return (
        math.hypot(*frame.hand_p_m) <= HAND_P_MAX_M
        and math.hypot(*frame.hand_r_rad) <= HAND_R_MAX_RAD
        and 0.0 <= frame.force_ref_n <= FORCE_REF_MAX_N
        and abs(frame.needle_v_m_s) <= 1.0
        and frame.mode in (0, 1)
    )


def _flush(v: Vec3) -> Vec3:
    return tuple(x if abs(x) > TINY else 0.0 for x in v)


def command(frame: SafetyFrame, limits: Limits) -> tuple[Command, Clamp]:
    """The command of an accepted frame with its numbers inside the limits, and what was clamped."""
    clamps = Clamp.NONE
    force_n = frame.force_ref_n if frame.force_ref_n > TINY else 0.0
    if force_n > limits.force_cap_n:
        force_n, clamps = limits.force_cap_n, clamps | Clamp.FORCE_REFERENCE
    needle = frame.needle_v_m_s if abs(frame.needle_v_m_s) > TINY else 0.0
    if abs(needle) > limits.needle_v_m_s:
        needle, clamps = math.copysign(limits.needle_v_m_s, needle), clamps | Clamp.SPEED
    return replace(
        command_of(frame),
        force_ref_n=force_n,
        needle_v_m_s=needle,
        hand_p_m=_flush(frame.hand_p_m),
        hand_r_rad=_flush(frame.hand_r_rad),
        dwell_us=min(frame.dwell_us, int(limits.dwell_max_ms * 1000)),
    ), clamps
