"""What guard's own gate says to the bytes that a rig's gateway passed on, in the order of time."""

from __future__ import annotations

from link_rig import EPOCH, SESSION, Rig

from safety.frame import SafetyFrame, unpack
from safety.gate import Gate, Rejection
from safety.limits import Limits
from safety.stamps import StampTable
from safety.states import Authenticity

LIFE_NS = 50_000_000
"""The mission's 50 ms: guard's limits for commands and stamps."""


class GateReplay:
    """Feeds every frame to a gate, each when it arrived, with the stamps issued until then."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self._gate = Gate()
        self._stamps = StampTable()
        self._frames = 0
        self._issued = 0
        self.accepted: list[tuple[int, int]] = []
        """(when, sequence)."""
        self.refused: dict[int, Rejection] = {}
        """By sequence."""

    def follow(self) -> None:
        """Judge what came since the last call."""
        for at_ns, data in self._rig.raw[self._frames :]:
            self._frames += 1
            self._issue(at_ns)
            verdict = self._judge(data, at_ns)
            if isinstance(verdict, SafetyFrame):
                self.accepted.append((at_ns, verdict.seq))
            else:
                self.refused[unpack(data).seq] = verdict

    def _issue(self, at_ns: int) -> None:
        issued = self._rig.issued
        while self._issued < len(issued) and issued[self._issued] <= at_ns:
            self._stamps.issue(issued[self._issued], 0, LIFE_NS)
            self._issued += 1

    def _judge(self, data: bytes, at_ns: int) -> SafetyFrame | Rejection:
        return self._gate.check(
            data,
            at_ns,
            authenticity=Authenticity.GENUINE,
            session=SESSION,
            epoch=EPOCH,
            stamps=self._stamps,
            limits=Limits(),
            limits_hash=0,
        )
