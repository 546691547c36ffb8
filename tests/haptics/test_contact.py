from __future__ import annotations

from itertools import chain, combinations

import pytest

from haptics.contact import (
    GONE_NS,
    REAPPROACH_M,
    SETTLED_NS,
    TABLE,
    ContactEvent,
    ContactInputs,
    ContactMonitor,
    transition,
)
from safety.states import ContactState as S

E = ContactEvent
MS = 1_000_000
SEEKING = {E.SEEK_ON, E.SEEK_OFF}
ALL_EVENT_SETS = [
    frozenset(c)
    for c in chain.from_iterable(combinations(E, n) for n in range(len(E) + 1))
    if not set(c) >= SEEKING
]


def oracle(state: S, events: frozenset[E]) -> S:
    """The same rules written as prose would have them, not as a table."""
    if state in (S.TOUCH, S.PRESS):
        if E.GONE in events:
            return S.LOST
        return S.PRESS if E.SETTLED in events else state
    if E.TOUCHED in events:
        return S.TOUCH
    if state is S.LOST:
        return S.FREE if events & {E.EXHAUSTED, E.SEEK_OFF} else S.LOST
    if E.SEEK_OFF in events:
        return S.FREE
    return S.APPROACH if E.SEEK_ON in events else state


@pytest.mark.parametrize("state", S)
def test_every_state_and_every_set_of_events(state: S) -> None:
    for events in ALL_EVENT_SETS:
        assert transition(state, events) is oracle(state, events), (state, events)


def test_only_a_touch_leads_into_force_control() -> None:
    entries = {key for key, to in TABLE.items() if to is S.TOUCH}
    assert {event for _, event in entries} == {E.TOUCHED}


class Feed:
    def __init__(self) -> None:
        self.monitor = ContactMonitor()
        self.now_ns = 10**9

    def __call__(
        self,
        force_n: float,
        *,
        ms: int = 2,
        seek: bool = True,
        travel_m: float = 0.0,
        error_n: float = 0.0,
    ) -> S:
        for _ in range(ms // 2):
            self.now_ns += 2 * MS
            self.monitor.update(ContactInputs(self.now_ns, force_n, error_n, seek, travel_m))
        return self.monitor.state


def test_touch_needs_two_of_three_samples() -> None:
    feed = Feed()
    assert feed(0.0) is S.APPROACH
    assert feed(0.51) is S.APPROACH
    assert feed(0.0) is S.APPROACH
    assert feed(0.0) is S.APPROACH
    assert feed(0.51) is S.APPROACH
    assert feed(0.0) is S.APPROACH
    assert feed(0.51) is S.TOUCH


def landed() -> Feed:
    feed = Feed()
    feed(1.0, ms=6)
    assert feed(1.0, ms=2, error_n=2.0) is S.TOUCH
    return feed


def test_landing_ends_when_the_force_has_settled() -> None:
    feed = landed()
    assert feed(1.0, ms=500, error_n=0.6) is S.TOUCH
    assert feed(1.0, ms=SETTLED_NS // MS - 2, error_n=0.4) is S.TOUCH
    assert feed(1.0, ms=2, error_n=0.4) is S.PRESS


def test_contact_is_lost_only_after_50_ms_without_force() -> None:
    feed = landed()
    assert feed(0.19, ms=GONE_NS // MS - 2, error_n=2.0) is S.TOUCH
    feed(0.21, error_n=2.0)
    assert feed(0.19, ms=GONE_NS // MS - 2, error_n=2.0) is S.TOUCH
    assert feed(0.19, ms=2, error_n=2.0) is S.LOST


def test_reapproach_gives_up_and_stays_so_until_forgiven() -> None:
    feed = landed()
    assert feed(0.0, ms=60) is S.LOST
    assert feed(0.0, travel_m=REAPPROACH_M) is S.LOST
    assert feed(0.0, travel_m=REAPPROACH_M + 1e-6) is S.FREE
    assert feed.monitor.gave_up
    assert feed(0.0, ms=100) is S.FREE
    feed.monitor.forgive()
    assert feed(0.0) is S.APPROACH


def test_lost_skin_is_found_again() -> None:
    feed = landed()
    assert feed(0.0, ms=60) is S.LOST
    assert feed(0.8, ms=4, travel_m=0.004) is S.TOUCH
    assert not feed.monitor.gave_up


def test_without_a_wish_for_contact_nothing_is_approached() -> None:
    feed = Feed()
    assert feed(0.0, ms=50, seek=False) is S.FREE
    assert feed(0.8, ms=4, seek=False) is S.TOUCH
    assert feed(0.0, ms=60, seek=False) is S.FREE
