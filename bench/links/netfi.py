"""Severity levels 1 to 3 of the NetFI study, as published with its code.

Zhang, Roodabeh, Alemzadeh: "A Comprehensive Analysis of the Effects of Network Quality of Service
on Robotic Telesurgery", ICRA 2026, arXiv 2603.06824; levels from its repository
UVA-DSA/telesurgery-qos-analysis (`random_experiment_new.py`, `network_conditions.txt`).

Read here as follows. Delay: the study delays console-to-robot packets only, each by its own draw
and without keeping their order, so the whole delay goes up and nothing down. Loss and outage hit
both directions, because our picture crosses the same network; outages hit both at the same moment.
Outage lengths are taken as ms (the study's console sends about 1,000 packets/s, so packets and ms
agree).
"""

from __future__ import annotations

from transport.impair import LinkProfile, Outages, ParetoBursts, ParetoState, PathProfile

LEVELS = (1, 2, 3)
NEAR = LinkProfile(delay_ms=0.5)
"""The study's own link between console and robot is a local network."""

LOSS = {
    1: ParetoBursts(ParetoState(0.05, 4.428, 1.638), ParetoState(0.10, 4.966, 0.271)),
    2: ParetoBursts(ParetoState(0.05, 4.604, 3.552), ParetoState(0.10, 3.901, 1.466)),
    3: ParetoBursts(ParetoState(0.05, 3.859, 3.324), ParetoState(0.10, 3.797, 6.049)),
}
"""Chance to leave the good and the bad state (5 %, 10 %), and the Pareto burst length of each:
9.5, 30 and 50 % lost on average."""

DELAY = {
    1: (70.0, ((0.72645, 1 / 0.02711), (0.27355, 1 / 0.08529))),
    2: (210.0, ((0.89258, 1 / 0.01081), (0.10742, 1 / 0.01624))),
    3: (406.0, ((0.89574, 1 / 0.01025), (0.10426, 1 / 0.01551))),
}
"""Lower bound (ms), hyperexponential excess (weight, mean ms); 100, 299 and 500 ms on average."""

OUTAGE = {
    1: Outages(0.0, 3000.0, 8500.0),
    2: Outages(0.0, 1000.0, 1000.0),
    3: Outages(0.0, 2000.0, 1000.0),
}
"""Uniform length, then a pause: 15, 33 and 50 % of the time without a link."""


def loss(level: int) -> PathProfile:
    """Packet loss of a level, both ways."""
    one_way = LinkProfile(delay_ms=NEAR.delay_ms, pareto=LOSS[level])
    return PathProfile(one_way, one_way)


def delay(level: int) -> PathProfile:
    """Delay of a level, all of it on the way to the robot."""
    least_ms, excess_ms = DELAY[level]
    return PathProfile(LinkProfile(delay_ms=least_ms, mixture_ms=excess_ms, in_order=False), NEAR)


def outage(level: int) -> PathProfile:
    """Communication loss of a level, both ways at the same time."""
    one_way = LinkProfile(delay_ms=NEAR.delay_ms, outages=OUTAGE[level])
    return PathProfile(one_way, one_way)
