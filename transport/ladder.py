"""Quality steps down before latency goes up (pure; time is an argument).

A ladder of qualities: first the bit rate, then the size, then the frame rate. A viewer's reports
(bandwidth estimate, loss, round trip) move it down at once and up slowly, one step at a time; a
step up that was too much makes the next try wait longer. Without it the pictures would queue in
front of the narrow link, and the expert would steer by old ones.
"""

from __future__ import annotations

from dataclasses import dataclass

from transport.narrow import SPARE, Narrowness, Sign

_STEPS = ((1.0, 1.0), (0.7, 1.0), (0.5, 1.0), (0.35, 1.0), (0.25, 0.75), (0.125, 0.5))
"""(bit rate, edge length) against the configured ones. Where size begins to fall is measured on
speckle at 640x480 under 8 Mbit/s: three quarters of the size look better from 2 Mbit/s down (27.2
against 26.5 dB PSNR), half the size from 1 Mbit/s down (25.8 against 24.8 dB)."""
_FEWEST_FPS = 20.0
"""Fewer frames are for watching only, so the ladder does not go there by itself."""
_LAST_RATE = 0.08
"""Bit rate of the last step, with half the frames."""

SETTLE_NS = 300_000_000
"""After a step down, and a round trip, loss and round trips still speak of the rate before. (An
estimate does not: it is the rate that arrives.)"""
CLEAN_NS = 5_000_000_000
"""Time without trouble before a step up."""
CLEAN_MOST_NS = 120_000_000_000
PROVEN_NS = 4_000_000_000
"""A step up that meets no trouble within this time was right."""
SEVERE = 0.6
"""Where the link carries less than this share of one copy, copies end and quality steps down at
once: one after the other takes a second of full queues."""
LAST_WITH_COPIES = 3
"""The lowest rung on which a far viewer keeps its copies: the last one in full size. Below, the
picture itself needs the rate."""


@dataclass(frozen=True, slots=True)
class Rung:
    """One quality."""

    bitrate_kbps: int
    width: int
    height: int
    fps: float


def rungs(width: int, height: int, fps: float, bitrate_kbps: int) -> tuple[Rung, ...]:
    """The ladder below a configuration, best first; sizes are even and keep the shape."""
    steps = [
        Rung(max(1, round(bitrate_kbps * rate)), _even(width * size), _even(height * size), fps)
        for rate, size in _STEPS
    ]
    if fps / 2 >= _FEWEST_FPS:
        last = steps[-1]
        kbps = max(1, round(bitrate_kbps * _LAST_RATE))
        steps.append(Rung(kbps, last.width, last.height, fps / 2))
    return tuple(steps)


def _even(length: float) -> int:
    return max(2, 2 * round(length / 2))


class Ladder:
    """The rung for one viewer."""

    def __init__(self, steps: tuple[Rung, ...], now_ns: int) -> None:
        self._steps = steps
        self.at = 0
        """Index of the rung in use; 0 is the best."""
        self._moved_ns = now_ns
        self._trouble_ns = now_ns
        self._climbed = False
        self._wait_ns = [CLEAN_NS] * len(steps)
        """Time without trouble before a climb to each rung."""
        self._narrow = Narrowness()

    def reported(
        self, sign: Sign, sent_kbps: float, now_ns: int, copies: int = 1, far: bool = False
    ) -> bool:
        """Take a report; True: the link is too narrow for copies.

        Args:
            sign: what the viewer says.
            sent_kbps: what is sent to it, each packet counted once.
            now_ns: now.
            copies: how often each packet is sent; 1 where the copies cannot end. Viewers count
                one, so that the link carries more than they say; where it then carries one copy,
                the copies are to end first.
            far: a packet asked for again comes too late, so that the copies are the last to end:
                a smaller rate with them comes before the full one without.
        """
        carries_kbps = self._narrow.carries_kbps(sign, sent_kbps, now_ns)
        if carries_kbps is None:
            return False
        self._trouble_ns = now_ns
        full = self._narrow.overflows or carries_kbps < SEVERE * sent_kbps
        keep = copies > 1 and far and not full and self._best(carries_kbps) <= LAST_WITH_COPIES
        if not keep and not full:
            carries_kbps *= copies
            if copies > 1 and carries_kbps >= sent_kbps:
                return True
        settled = now_ns - self._moved_ns >= SETTLE_NS + self._narrow.last_trip_ns or self._climbed
        if settled or sign.estimate_kbps is not None:
            self._down(carries_kbps, now_ns, least=1 if settled else 0)
        return not keep

    def tick(self, now_ns: int) -> int:
        """Climb when it is time; the rung in use."""
        if self._climbed and now_ns - self._moved_ns >= PROVEN_NS:
            self._climbed, self._wait_ns[self.at] = False, CLEAN_NS
        waited_ns = now_ns - max(self._trouble_ns, self._moved_ns)
        if self.at > 0 and waited_ns >= self._wait_ns[self.at - 1]:
            self.at -= 1
            self._moved_ns, self._climbed = now_ns, True
        return self.at

    def _down(self, carries_kbps: float, now_ns: int, least: int) -> None:
        """To the best rung that the link carries, this many steps at least."""
        if self._climbed:  # the last step up was too much
            self._wait_ns[self.at] = min(2 * self._wait_ns[self.at], CLEAN_MOST_NS)
        target = max(self._best(carries_kbps), min(self.at + least, len(self._steps) - 1))
        if target > self.at:
            self._moved_ns = now_ns
        self.at, self._climbed = target, False

    def _best(self, carries_kbps: float) -> int:
        """The best rung that a link of this rate carries."""
        most_kbps = SPARE * carries_kbps
        fits = (i for i, rung in enumerate(self._steps) if rung.bitrate_kbps <= most_kbps)
        return next(fits, len(self._steps) - 1)


def agreed(rungs_of: dict[str, dict[str, int]], leading: str) -> int:
    """The rung for one encode that many watch.

    Args:
        rungs_of: for each session the rung of each of its links. A session sees the pictures of its
            best link, so that one counts.
        leading: the session that drives; the others do not take its quality. Without it the
            session that needs the lowest quality decides.
    """
    best = {session: min(links.values()) for session, links in rungs_of.items() if links}
    if leading in best:
        return best[leading]
    return max(best.values(), default=0)
