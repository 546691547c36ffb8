"""Proof of a live view: the expert reads a random number out of the picture (reference 8.4)."""

from __future__ import annotations

from dataclasses import dataclass

S = 1_000_000_000
NUMBERS = 10_000
RENEW_S = 60.0
"""A mark that nobody answers is renewed."""
RETRY_S = 1.0
"""After a wrong answer: no guessing faster than this."""


@dataclass(slots=True)
class Mark:
    """`value` -1: none shown."""

    value: int = -1
    since_ns: int = 0
    presented: bool = False
    """A command named a frame that carried this mark."""
    ok: bool = False
    blocked_until_ns: int = 0

    def update(self, wanted: bool, nonce: int, now_ns: int) -> None:
        """Show a number while a proof is wanted and missing."""
        if self.ok or not wanted:
            self.value = -1
        elif self.value < 0 or now_ns - self.since_ns > RENEW_S * S:
            self._renew(nonce, now_ns)

    def _renew(self, nonce: int, now_ns: int) -> None:
        self.value = nonce % NUMBERS
        self.since_ns = now_ns
        self.presented = False

    def saw(self, mark_in_frame: int) -> None:
        """The expert's screen showed a frame with this mark."""
        if self.value >= 0 and mark_in_frame == self.value:
            self.presented = True

    def answer(self, number: int, nonce: int, now_ns: int) -> bool:
        """Judge an answer; a wrong one changes the number."""
        if self.value < 0 or not self.presented or now_ns < self.blocked_until_ns:
            return False
        if number == self.value:
            self.ok = True
            self.value = -1
            return True
        self.blocked_until_ns = now_ns + int(RETRY_S * S)
        self._renew(nonce, now_ns)
        return False

    def forget(self) -> None:
        """The proof no longer holds (other console, other picture)."""
        self.ok = False
        self.value = -1
