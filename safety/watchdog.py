"""The 50 ms watchdog: age, loop, m-in-k slots and the bucket (docs/safety-concept.md, policy).

All on the robot's clock. Unknown counts as worst.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from safety.limits import Limits

MS = 1_000_000


@dataclass(slots=True)
class Dwell:
    """Believes a frame's time on screen only while it agrees with the echoed stamps."""

    frame_id: int = -1
    first_ms: float = 0.0
    first_echo_ns: int = 0
    last_echo_ns: int = 0

    def trusted_ms(self, frame_id: int, dwell_us: int, echo_ns: int, limits: Limits) -> float:
        """The dwell to subtract (ms): clamped, and 0 when it disagrees with the stamps."""
        dwell_ms = min(dwell_us / 1000.0, limits.dwell_max_ms)
        slack = limits.dwell_disagreement_ms
        if frame_id == self.frame_id:
            expected = self.first_ms + (echo_ns - self.first_echo_ns) / MS
            good = abs(min(expected, limits.dwell_max_ms) - dwell_ms) <= slack
        else:
            # The frame before was on screen at the last sample: this one came after it.
            since_ms = (echo_ns - self.last_echo_ns) / MS
            good = self.frame_id < 0 or dwell_ms <= since_ms + slack
            self.frame_id = frame_id
            self.first_ms = dwell_ms if good else 0.0
            self.first_echo_ns = echo_ns
        self.last_echo_ns = echo_ns
        return dwell_ms if good else 0.0


@dataclass(slots=True)
class Loop:
    """The end-to-end figure, per presented frame and averaged."""

    newest_ms: float = -1.0
    frame_id: int = -1
    worst_ms: float = 0.0
    """Largest sample of the frame on screen."""
    before_late: bool = False
    """The frame presented before it was over the limit."""
    samples: deque[tuple[int, float]] = field(default_factory=deque)
    """(when, ms) within the averaging window."""
    started_ns: int = 0

    def add(self, frame_id: int, loop_ms: float, now_ns: int, limits: Limits) -> None:
        """Take the loop of one command."""
        self.newest_ms = loop_ms
        if frame_id != self.frame_id:
            self.before_late = self.worst_ms > limits.loop_ms
            self.frame_id, self.worst_ms = frame_id, loop_ms
        else:
            self.worst_ms = max(self.worst_ms, loop_ms)
        if not self.samples:
            self.started_ns = now_ns
        self.samples.append((now_ns, loop_ms))

    def late(self, limits: Limits) -> bool:
        """DEGRADED: over the limit on two consecutively presented frames, or far over it once."""
        if self.worst_ms > limits.loop_once_ms:
            return True
        return self.before_late and self.worst_ms > limits.loop_ms

    def average_ms(self, now_ns: int, limits: Limits) -> float:
        """Mean over the averaging window; -1: the window is not filled yet."""
        window_ns = int(limits.loop_average_ms * MS)
        while self.samples and self.samples[0][0] < now_ns - window_ns:
            self.samples.popleft()
        if not self.samples or now_ns - self.started_ns < window_ns:
            return -1.0
        return sum(item[1] for item in self.samples) / len(self.samples)

    def forget(self) -> None:
        """A new picture or a new console: start over."""
        self.newest_ms, self.frame_id, self.worst_ms, self.before_late = -1.0, -1, 0.0, False
        self.samples.clear()


@dataclass(slots=True)
class Slots:
    """Weakly-hard m in k: one bit per slot, 1 = missed, in a shift register.

    A console at exactly the slot rate drifts through the slot borders, so that one slot may hold
    two commands and its neighbour none: one surplus command fills one empty neighbour.
    """

    bits: int = 0
    slot: int = -1
    """Index of the open slot; -1: not started."""
    count: int = 0
    """Timely commands in the open slot."""
    carry: int = 0

    def command(self, age_ms: float, arrived: int, limits: Limits) -> None:
        """A new valid command (or a burst of them) arrived; late ones do not fill the slot."""
        if age_ms <= limits.slot_late_ms:
            self.count += arrived

    def advance(self, now_ns: int, limits: Limits) -> int:
        """Close the slots that ended by `now_ns`; return the misses in the window."""
        index = int(now_ns // (limits.slot_ms * MS))
        if self.slot < 0 or index < self.slot:
            self.slot = index
        for _ in range(min(index - self.slot, limits.slot_window)):
            self._close(limits.slot_window)
        self.slot = index
        return self.bits.bit_count()

    def _close(self, window: int) -> None:
        surplus = self.count + self.carry
        missed = surplus == 0
        spare = max(0, surplus - 1)
        if spare and self.count > 1 and self.bits & 1:
            self.bits &= ~1
            spare -= 1
        self.carry = min(1, spare)
        self.count = 0
        self.bits = (self.bits << 1 | missed) & ((1 << window) - 1)

    def forget(self) -> None:
        """No console: nothing is expected."""
        self.bits = self.count = self.carry = 0
        self.slot = -1


@dataclass(slots=True)
class Bucket:
    """Budget of link HOLD time; refills at a fraction of the rate it drains."""

    drained_ms: float = 0.0

    def run(self, elapsed_ms: float, draining: bool, limits: Limits) -> bool:
        """Let time pass; True: the bucket is empty."""
        if draining:
            self.drained_ms = min(limits.bucket_ms, self.drained_ms + elapsed_ms)
        else:
            self.drained_ms = max(0.0, self.drained_ms - elapsed_ms * limits.bucket_refill)
        return draining and self.drained_ms >= limits.bucket_ms

    def left_ms(self, limits: Limits) -> float:
        """What is left (ms)."""
        return limits.bucket_ms - self.drained_ms


def haptic_ms(echo_us: int, dwell_us: int, now_ns: int) -> float:
    """Force sample -> rendered, from the echo of the last rendered sample; -1: none.

    `echo_us` is the low 32 bits of the sample's stamp in microseconds (wraps after 71 minutes).
    """
    if echo_us == 0:
        return -1.0
    return max(0.0, (((now_ns // 1000) - echo_us) % (1 << 32) - dwell_us) / 1000.0)
