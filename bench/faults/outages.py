"""Stops per hour that rare outages of a link cause, on one link and on two independent ones.

Outages that cover 0.01 % of the time come a few times an hour, so nobody waits for them here. What
is measured is the chance that an outage of a given length stops the arm: each is done to a copy of
a scanning world, at a random phase. That chance, over the exponential lengths of a link's outages
and times how often they come, makes the stops per hour. With two independent links only what their
outages have in common counts. Each link is gone for a share of m times its rate, and meanwhile an
outage of the other begins at that rate: common outages begin 2 m times the squared rate as often.
Exponential lengths have no memory, so what both still last is the shorter of two of mean m, which
is exponential of mean m/2. Outages are taken one at a time: several within a minute share bucket
and short HOLDs, and are not in these figures.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from bench.branch import branch
from bench.faults.act import outage
from bench.faults.model import LATCHED, STOPPED
from bench.faults.site import limits_of
from bench.faults.spec import Spec
from bench.faults.virtual import LEAST_S, SPREAD_S
from bench.faults.watch import Watch
from bench.faults.worlds import go_on, scanning
from bench.kit.model import Figure, Measured, Series
from bench.world import World
from transport.impair import LinkProfile, Noise

EDGES_MS = (0, 10, 20, 25, 30, 35, 40, 45, 50, 55, 60, 70, 80, 100, 150, 200, 300, 1000)
"""Outages are as likely within each of these spans; longer ones count as stops of every kind."""
MEANS_MS, SHARES = (10.0, 30.0), (1e-4, 1e-3)
"""Mean lengths, and how much of the time is gone (reference: the modelled table of 4.4)."""
JITTER_MS = 2.0
AFTER_S = 0.2
"""Slots, loop and picture tell of an outage within this time after its end."""
HOUR_S = 3600.0
Z95 = 1.645
"""One-sided 95 %."""


@dataclass(frozen=True, slots=True)
class Span:
    """What outages of some lengths did."""

    low_ms: float
    high_ms: float
    count: int
    holds: int
    latched: int

    def share(self, stops: int, *, upper: bool) -> float:
        """Share of outages that stopped the arm; `upper`: the end of Wilson's interval (95 %)."""
        n, p = self.count, stops / self.count
        if not upper:
            return p
        middle = p + Z95**2 / (2 * n)
        half = Z95 * math.sqrt(p * (1 - p) / n + Z95**2 / (4 * n * n))
        return min(1.0, (middle + half) / (1 + Z95**2 / n))


def per_hour(spans: Sequence[Span], mean_ms: float, share: float, *, links: int, latched: bool,
             upper: bool) -> float:  # fmt: skip
    """Stops per hour on links that are gone for `share` of the time, `mean_ms` at a time."""
    rate_s = share / (mean_ms / 1e3)
    if links == 2:
        rate_s, mean_ms = 2.0 * (mean_ms / 1e3) * rate_s**2, mean_ms / 2.0
    chance = math.exp(-EDGES_MS[-1] / mean_ms)
    for span in spans:
        weight = math.exp(-span.low_ms / mean_ms) - math.exp(-span.high_ms / mean_ms)
        chance += weight * span.share(span.latched if latched else span.holds, upper=upper)
    return HOUR_S * rate_s * chance


def measure(spec: Spec) -> Measured:
    """`count` outages of each span of lengths, on a link of `delay_ms` each way."""
    profile = LinkProfile(delay_ms=spec.delay_ms, jitter_ms=JITTER_MS)
    world, watch = scanning(spec.seed, spec.control_hz, [], limits_of(spec.limits), profile)
    noise = Noise.stream(spec.seed, 80)
    spans = []
    for low_ms, high_ms in itertools.pairwise(EDGES_MS):
        found = [_one(world, watch, noise, low_ms, high_ms) for _ in range(spec.count)]
        spans.append(Span(low_ms, high_ms, spec.count, sum(h for h, _ in found),
                          sum(s for _, s in found)))  # fmt: skip
    world.close()
    return Measured((*_rates(spans), *_shares(spans)), (_series(spans),), (), NOTES)


NOTES = (
    "jitter alone is not counted; teleop bench watchdog counts stops on whole networks",
    "outages are taken one at a time: what several within a minute do together is not in here",
)


def _one(
    world: World, watch: Watch, noise: Noise, low_ms: float, high_ms: float
) -> tuple[bool, bool]:
    """(the arm held or worse, it ended in a latched stop)."""
    go_on(world, LEAST_S + SPREAD_S * noise.uniform())
    length_ms = low_ms + (high_ms - low_ms) * noise.uniform()

    def ending(copy: World) -> tuple[bool, bool]:
        copy.bedside.nurse.willing = False
        watch.begin()
        outage(length_ms)(copy)
        copy.run_for(length_ms / 1e3 + AFTER_S)
        states = {change.state for change in watch.changes}
        return bool(states & STOPPED), bool(states & LATCHED)

    return branch(world, ending)


def _rates(spans: Sequence[Span]) -> list[Figure]:
    figures = []
    for links, share, mean_ms in itertools.product((1, 2), SHARES, MEANS_MS):
        what = f"{links} link{'s' * (links > 1)}, {100 * share:g} % gone, {mean_ms:g} ms at a time"
        for name, latched, hours in (("HOLD per hour", False, 1.0),
                                     ("SAFE_STOP per 100 h", True, 100.0)):  # fmt: skip
            for word, upper in (("", False), (" at most", True)):
                value = hours * per_hour(spans, mean_ms, share, links=links, latched=latched,
                                         upper=upper)  # fmt: skip
                count = sum(span.count for span in spans)
                figures.append(Figure(f"{what}: {name}{word}", "", round(value, 5), count))
    return figures


def _shares(spans: Sequence[Span]) -> list[Figure]:
    return [
        Figure(f"outages of {span.low_ms:g} to {span.high_ms:g} ms that hold", "%",
               100.0 * span.holds / span.count, span.count)
        for span in spans
    ]  # fmt: skip


def _series(spans: Sequence[Span]) -> Series:
    return Series("share of outages that hold, by length", "%",
                  tuple(100.0 * span.holds / span.count for span in spans))  # fmt: skip
