"""The same message over several links, first copy wins; and how good each link is (pure).

Commands, heartbeats and telemetry go over every link at once. Published measurements find that
full duplication has the shortest tail of all ways to use two links (NanoPing, arXiv 2604.24352).
Numbers of a stream rise by one per message; a receiver keeps a bitmap of the last 1,024 of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

WINDOW = 1024
"""Numbers remembered per stream: 5 s at 200 Hz, longer than any delay that could still matter."""
PERIOD_NS = 1_000_000_000
"""Quality is judged over the last one to two of these."""
NEVER_MS = 1e9
"""Silence of a link that was never heard."""


class Copy(Enum):
    """What one arrival of a message is."""

    NEWEST = auto()
    """First copy, and newer than everything before: to be used."""
    OVERTAKEN = auto()
    """First copy, but a newer message is here already: counts as delivered, is of no use."""
    DUPLICATE = auto()
    STALE = auto()
    """Older than the window, or of an older epoch."""


class FirstCopy:
    """Sliding bitmap of one stream over all its links."""

    def __init__(self, newest: tuple[int, int] | None = None) -> None:
        """`newest`: epoch and number up to which all counts as seen."""
        self._epoch, self._highest = newest or (-1, -1)
        self._bits = (1 << WINDOW) - 1 if newest else 0
        """Bit n: number `_highest - n` was seen."""

    def take(self, epoch: int, seq: int) -> Copy:
        """Judge one arrival. A newer epoch starts the stream anew."""
        if epoch < self._epoch:
            return Copy.STALE
        if epoch > self._epoch:
            self._epoch, self._highest, self._bits = epoch, -1, 0
        ahead = seq - self._highest
        if ahead > 0:
            kept = (self._bits << ahead) if ahead < WINDOW else 0
            self._bits = (kept | 1) & ((1 << WINDOW) - 1)
            self._highest = seq
            return Copy.NEWEST
        if -ahead >= WINDOW:
            return Copy.STALE
        bit = 1 << -ahead
        if self._bits & bit:
            return Copy.DUPLICATE
        self._bits |= bit
        return Copy.OVERTAKEN


@dataclass(slots=True)
class Arrivals:
    """Messages of one numbered stream on one link: how many came of how many were sent."""

    modulus: int = 0
    """Numbers wrap here; 0: they do not."""
    highest: int = -1
    expected: int = 0
    received: int = 0

    def saw(self, seq: int) -> None:
        """A message arrived. A jump beyond the window is a sender that started anew."""
        self.received += 1
        step = seq - self.highest
        if self.modulus:
            step = (step + self.modulus // 2) % self.modulus - self.modulus // 2
        if self.highest < 0 or abs(step) > WINDOW:
            self.highest, self.expected = seq, self.expected + 1
        elif step > 0:
            self.highest, self.expected = seq, self.expected + step


class Variation:
    """One-way delay variation from two clocks that need not agree: distance to the least seen.

    The least difference between receiver's and sender's time over the last two periods is the
    zero; RFC 5481 calls this packet delay variation (PDV). Drift of 100 ppm adds 0.2 ms per period.
    """

    def __init__(self) -> None:
        self._least_ns: list[int] = []
        self._started_ns = 0
        self._worst_ns = 0
        self._before_ns = 0

    def saw(self, sent_ns: int, received_ns: int) -> int:
        """A message that carries its sending time arrived; return its variation in ns."""
        if not self._least_ns or received_ns - self._started_ns > PERIOD_NS:
            self._least_ns = self._least_ns[-1:]
            self._least_ns.append(received_ns - sent_ns)
            self._before_ns, self._worst_ns = self._worst_ns, 0
            self._started_ns = received_ns
        self._least_ns[-1] = min(self._least_ns[-1], received_ns - sent_ns)
        variation_ns = received_ns - sent_ns - min(self._least_ns)
        self._worst_ns = max(self._worst_ns, variation_ns)
        return variation_ns

    @property
    def worst_ms(self) -> float:
        """Largest variation of the last one to two periods."""
        return max(self._worst_ns, self._before_ns) / 1e6


@dataclass(frozen=True, slots=True)
class LinkQuality:
    """How good one link is, both directions. -1: not known."""

    open: bool
    """Messages can be sent over it."""
    silent_ms: float
    """Since anything was heard over it, in the direction that is silent longer."""
    rtt_ms: float
    """Last echoed stamp: round trip without the time that the console kept it."""
    loss_up: float
    """Share of messages lost on the way to the robot, 0..1."""
    loss_down: float
    variation_up_ms: float
    variation_down_ms: float


UNKNOWN_QUALITY = LinkQuality(False, NEVER_MS, -1.0, -1.0, -1.0, -1.0, -1.0)


@dataclass(frozen=True, slots=True)
class LinkReport:
    """What the console reports about one link over that link, 20 times a second."""

    seq: int
    """Counts the reports on this link, modulo 2^16."""
    stamp_ns: int
    """Newest heartbeat stamp heard on this link (robot clock), 0: none."""
    kept_us: int
    """How long ago it was heard."""
    sent_us: int
    """The console's own clock."""
    expected: int
    """Heartbeats sent over this link since it was opened, as their numbers tell; modulo 2^16."""
    received: int
    """Those that arrived, modulo 2^16."""
    variation_us: int


class LinkMeter:
    """Robot's side of one link: takes what arrives, gives the quality."""

    def __init__(self, opened_ns: int) -> None:
        self._heard_ns = opened_ns
        self._down_heard_ns = opened_ns
        self._rtt_ms = -1.0
        self._frames = Arrivals()
        self._reports = Arrivals(modulus=1 << 16)
        self._up = Variation()
        self._variation_down_ms = -1.0
        self._loss_up = Share()
        self._loss_down = Share()
        self._down = (-1, -1)

    def repeated(self, now_ns: int) -> None:
        """The second copy of a frame came: a sign of life; losses are counted without it."""
        self._heard_ns = now_ns

    def frame(self, seq: int, now_ns: int) -> None:
        """A command frame came over this link, in its first transmission."""
        self._heard_ns = now_ns
        before = (self._frames.expected, self._frames.received)
        self._frames.saw(seq)
        self._loss_up.add(self._frames.expected - before[0], self._frames.received - before[1],
                          now_ns)  # fmt: skip

    def report(self, report: LinkReport, now_ns: int) -> None:
        """The console's report came over this link."""
        self._heard_ns = now_ns
        before = (self._reports.expected, self._reports.received)
        self._reports.saw(report.seq)
        self._loss_up.add(self._reports.expected - before[0], self._reports.received - before[1],
                          now_ns)  # fmt: skip
        self._up.saw(report.sent_us * 1000, now_ns)
        if report.stamp_ns:
            self._rtt_ms = max(0.0, (now_ns - report.stamp_ns) / 1e6 - report.kept_us / 1e3)
            self._down_heard_ns = max(self._down_heard_ns, now_ns - report.kept_us * 1000)
        if self._down[0] >= 0:
            self._loss_down.add((report.expected - self._down[0]) % (1 << 16),
                                (report.received - self._down[1]) % (1 << 16), now_ns)  # fmt: skip
        self._down = (report.expected, report.received)
        self._variation_down_ms = report.variation_us / 1e3

    def quality(self, now_ns: int, *, is_open: bool) -> LinkQuality:
        """The quality now."""
        silent_ns = max(now_ns - self._heard_ns, now_ns - self._down_heard_ns)
        return LinkQuality(
            open=is_open,
            silent_ms=silent_ns / 1e6,
            rtt_ms=self._rtt_ms,
            loss_up=self._loss_up.lost(now_ns),
            loss_down=self._loss_down.lost(now_ns),
            variation_up_ms=self._up.worst_ms,
            variation_down_ms=self._variation_down_ms,
        )


class Share:
    """Share of lost messages over the last one to two periods."""

    def __init__(self) -> None:
        self._now = [0, 0]
        self._before = [0, 0]
        self._started_ns = 0

    def add(self, expected: int, received: int, now_ns: int) -> None:
        """So many more were sent, and so many of them arrived."""
        self._turn(now_ns)
        self._now[0] += expected
        self._now[1] += received

    def lost(self, now_ns: int) -> float:
        """0..1; -1: nothing was expected."""
        self._turn(now_ns)
        expected = self._now[0] + self._before[0]
        received = self._now[1] + self._before[1]
        return max(0.0, 1.0 - received / expected) if expected > 0 else -1.0

    def _turn(self, now_ns: int) -> None:
        periods = (now_ns - self._started_ns) // PERIOD_NS
        if periods >= 1:
            self._before = self._now if periods == 1 else [0, 0]
            self._now = [0, 0]
            self._started_ns = now_ns
