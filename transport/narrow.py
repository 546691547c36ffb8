"""Is a viewer's link narrower than what is sent? Read from its reports (pure).

Three signs, none of which is enough by itself everywhere: an estimate of the rate that falls, loss,
and a round trip that grows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

SPARE = 0.95
"""What is sent may use this share of an estimate."""
TOO_MUCH_LOSS = 0.10
"""Loss of a link that is too narrow, in two windows in a row (a handover of 150 ms fills one);
below, loss is the link's own (Google congestion control)."""
QUEUE_MS = 50.0
"""Growth of the round trip over its least that means a standing queue, twice in a row."""
HIGH_QUEUE_MS = 300.0
"""Growth that means it at once: more than the 130 to 280 ms that a handover holds packets back."""
FALLEN = 0.97
"""An estimate below this share of the last one is news of trouble. A browser's estimate climbs only
slowly after a fall, so that a low one that stays is not."""
DOUBT_MS = 20.0
"""A fallen estimate is believed when the round trip has grown by this over its least (the queue
that our own viewers call too narrow, `bandwidth.QUEUE_NS`). Chromium's falls without one, too, and
then follows down each rate that is sent because it said so."""
FRESH_NS = 300_000_000
"""A round trip that speaks against an estimate is no older. Without one, the estimate counts."""
OFTEN_NS = 2_000_000_000
"""A browser says its estimate all the time. For so long after such a silence it comes from a viewer
of ours, which speaks only while pictures do queue, and is not doubted."""
BACK_OFF = 0.85
LEAST_NS = 60_000_000_000
"""How long the least round trip is remembered."""
_SHORTEST_NS = 300_000_000
"""Growth of the round trip is counted over no shorter time."""


@dataclass(frozen=True, slots=True)
class Sign:
    """What a viewer reports; None: not in this report."""

    loss: float | None = None
    """0..1, over a window of `losswindow`."""
    round_trip_ms: float | None = None
    estimate_kbps: float | None = None


class Narrowness:
    """Watches one viewer's reports."""

    def __init__(self) -> None:
        self._lossy = 0
        self.overflows = False
        """The last window lost much while the round trip showed a queue: it is full."""
        self._queued = 0
        self._estimate_kbps = math.inf
        self._estimated_ns: int | None = None
        self._speaks_since_ns = 0
        """Since when estimates come without a silence."""
        self._fell_ns: int | None = None
        """When the estimate fell, while nobody has acted on it."""
        self._round_trips: list[tuple[int, float]] = []
        self.last_trip_ns = 0
        """The newest round trip."""

    def carries_kbps(self, sign: Sign, sent_kbps: float, now_ns: int) -> float | None:
        """What the link carries, when that is less than `sent_kbps`; None: it carries it."""
        by_queue = self._by_queue(sign.round_trip_ms, sent_kbps, now_ns)
        by_loss = self._by_loss(sign.loss, sent_kbps, now_ns)
        by_estimate = self._by_estimate(sign.estimate_kbps, sent_kbps, now_ns)
        return next((k for k in (by_estimate, by_loss, by_queue) if k is not None), None)

    def _by_loss(self, loss: float | None, sent_kbps: float, now_ns: int) -> float | None:
        if loss is None:
            return None
        self._lossy = self._lossy + 1 if loss >= TOO_MUCH_LOSS else 0
        self.overflows = self._lossy > 0 and self._queues(now_ns, QUEUE_MS) is True
        if self.overflows:
            return sent_kbps * (1.0 - loss)
        return sent_kbps * (1.0 - 0.5 * loss) if self._lossy >= 2 else None

    def _queues(self, now_ns: int, grown_ms: float) -> bool | None:
        """Whether the round trip has grown by this; None: no fresh one is known."""
        if not self._round_trips or now_ns - self._round_trips[-1][0] > FRESH_NS:
            return None
        return self._queue_ms() >= grown_ms

    def _by_estimate(
        self, estimate_kbps: float | None, sent_kbps: float, now_ns: int
    ) -> float | None:
        if estimate_kbps is not None:
            last_kbps, self._estimate_kbps = self._estimate_kbps, estimate_kbps
            last_ns, self._estimated_ns = self._estimated_ns, now_ns
            if last_ns is None or now_ns - last_ns > OFTEN_NS:
                self._speaks_since_ns = self._fell_ns = now_ns
            elif estimate_kbps < FALLEN * last_kbps:
                self._fell_ns = now_ns
        if self._fell_ns is None or self._estimate_kbps >= SPARE * sent_kbps:
            self._fell_ns = None
            return None
        talkative = self._fell_ns - self._speaks_since_ns > OFTEN_NS
        if talkative and self._queues(now_ns, DOUBT_MS) is False:
            if self._round_trips[-1][0] > self._fell_ns:
                self._fell_ns = None  # measured since then: a false alarm
            return None
        self._fell_ns = None
        return self._estimate_kbps

    def _queue_ms(self) -> float:
        return self._round_trips[-1][1] - min(ms for _, ms in self._round_trips)

    def _by_queue(self, round_trip_ms: float | None, sent_kbps: float, now_ns: int) -> float | None:
        """From how quickly the round trip grows; None: no queue, or one that empties already."""
        if round_trip_ms is None:
            return None
        kept = [(at, ms) for at, ms in self._round_trips if now_ns - at < LEAST_NS]
        last_ns, last_ms = kept[-1] if kept else (now_ns, round_trip_ms)
        self._round_trips = [*kept, (now_ns, round_trip_ms)]
        self.last_trip_ns = round(round_trip_ms * 1e6)
        queue_ms = self._queue_ms()
        self._queued = self._queued + 1 if queue_ms > QUEUE_MS else 0
        falling = round_trip_ms < FALLEN * last_ms
        if falling or not (self._queued >= 2 or queue_ms > HIGH_QUEUE_MS):
            return None
        growth = (round_trip_ms - last_ms) * 1e6 / max(now_ns - last_ns, _SHORTEST_NS)
        return sent_kbps * min(BACK_OFF, 1.0 / (1.0 + max(0.0, growth)))
