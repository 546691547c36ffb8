"""Stamps that guard issued: an echo counts only when it is one of them (docs/safety-concept.md)."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import IntEnum


class Echo(IntEnum):
    """What an echoed stamp turned out to be."""

    VALID = 0
    UNKNOWN = 1
    OLD = 2
    DECREASING = 3


@dataclass(slots=True)
class StampTable:
    """Issued (stamp, nonce) pairs within their life, and the newest one that came back."""

    issued: deque[tuple[int, int]] = field(default_factory=deque)
    newest_echo_ns: int = 0

    def issue(self, stamp_ns: int, nonce: int, life_ns: int) -> None:
        """Remember a stamp that leaves now; forget those past their life."""
        self.issued.append((stamp_ns, nonce))
        while self.issued[0][0] < stamp_ns - life_ns:
            self.issued.popleft()

    def judge(self, echo_ns: int, nonce: int, now_ns: int, life_ns: int) -> Echo:
        """Judge an echo without using it."""
        if now_ns - echo_ns > life_ns:
            return Echo.OLD
        if (echo_ns, nonce) not in self.issued:
            return Echo.UNKNOWN
        return Echo.DECREASING if echo_ns < self.newest_echo_ns else Echo.VALID

    def use(self, echo_ns: int) -> None:
        """Note that a command with this echo was accepted."""
        self.newest_echo_ns = echo_ns
