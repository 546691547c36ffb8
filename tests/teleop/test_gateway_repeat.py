"""A lossy link: what second copies are worth, and what they must not change."""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass, field

import pytest
from link_rig import frame_of

from safety.frame import pack, unpack
from safety.limits import Limits
from safety.watchdog import Slots
from teleop.gateway.frames import FrameSink, Intake
from transport.multilink import Copy, FirstCopy
from transport.repeat import Repeat

MS = 1_000_000
PERIOD_NS = 5 * MS
REPEAT_MS = 2.0
LIMITS = Limits()


class Kept(FrameSink):
    """Keeps what would go to guard."""

    def __init__(self) -> None:
        self.frames: list[tuple[int, bytes]] = []

    def given(self, session: int, stream: FirstCopy) -> None:
        """Nothing comes by datagram."""

    def accept(self, frame: bytes, at_ns: int) -> None:
        self.frames.append((at_ns, frame))


@dataclass
class Ran:
    """What came out of one run over a link."""

    accepted: list[tuple[int, int]] = field(default_factory=list)
    """(when, sequence)"""
    copies: dict[Copy, int] = field(default_factory=dict)
    loss_shown: float = 0.0
    """Mean of what the page shows."""
    loss_first: float = 0.0
    """Of first transmissions, as it was."""


def over_a_link(repeat_ms: float, loss: float, seed: int, frames: int = 6000) -> Ran:
    """200 Hz with `loss` and 4 ms of jitter, which lets copies arrive after newer frames."""
    rng = random.Random(f"{seed} {loss}")
    repeat = Repeat(repeat_ms)
    arrivals: list[tuple[int, bytes]] = []
    lost = 0
    for seq in range(1, frames + 1):
        sent_ns = seq * PERIOD_NS
        frame = pack(frame_of(seq, sent_ns))
        repeat.sent(frame, sent_ns)
        for at_ns, message in ((sent_ns, frame), (sent_ns + 2 * MS, repeat.take(sent_ns + 2 * MS))):
            gone, delay_ns = rng.random() < loss, 10 * MS + round(rng.uniform(0, 4) * MS)
            lost += gone and at_ns == sent_ns
            if message is not None and not gone:
                arrivals.append((at_ns + delay_ns, message))
    return _taken(sorted(arrivals), Ran(loss_first=lost / frames))


def _taken(arrivals: list[tuple[int, bytes]], ran: Ran) -> Ran:
    sink = Kept()
    intake = Intake(sink, 1, 0)
    shown: list[float] = []
    for number, (at_ns, message) in enumerate(arrivals):
        assert intake.take(0, message, at_ns, drives=True)
        if number % 200 == 199:
            shown.append(intake.quality(0, at_ns, is_open=True).loss_up)
    ran.accepted = [(at_ns, unpack(data).seq) for at_ns, data in sink.frames]
    ran.copies = intake.copies
    ran.loss_shown = sum(shown) / len(shown)
    return ran


def degraded_share(ran: Ran) -> float:
    """Share of time in which guard's window has too many missed slots, by its own counter."""
    slots, bad, at = Slots(), 0, 0
    start_ms, end_ms = ran.accepted[0][0] // MS, ran.accepted[-1][0] // MS
    for now_ms in range(start_ms, end_ms):
        while at < len(ran.accepted) and ran.accepted[at][0] <= now_ms * MS:
            at_ns, seq = ran.accepted[at]
            slots.command((at_ns - seq * PERIOD_NS) / MS, 1, LIMITS)
            at += 1
        bad += slots.advance(now_ms * MS, LIMITS) >= LIMITS.degraded_misses
    return bad / (end_ms - start_ms)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_second_copies_fill_the_slots_of_the_watchdog(seed: int) -> None:
    once, twice = (over_a_link(ms, 0.03, seed) for ms in (0.0, REPEAT_MS))
    assert len(once.accepted) < 0.985 * 6000
    assert len(twice.accepted) > 0.985 * 6000
    assert degraded_share(once) > 0.0
    assert degraded_share(twice) < 0.2 * degraded_share(once)


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("loss", [0.0, 0.05, 0.4])
def test_guard_sees_each_frame_once_in_order_and_none_after_a_newer_one(
    seed: int, loss: float
) -> None:
    ran = over_a_link(REPEAT_MS, loss, seed)
    numbers = [seq for _, seq in ran.accepted]
    assert all(a < b for a, b in itertools.pairwise(numbers))
    ages_ns = [at_ns - seq * PERIOD_NS for at_ns, seq in ran.accepted]
    assert max(ages_ns) <= 16 * MS, "the link's delay and 2 ms: a copy never ages further"
    assert ran.copies[Copy.DUPLICATE] > 0
    if loss:
        assert ran.copies[Copy.OVERTAKEN] > 0


@pytest.mark.parametrize("loss", [0.0, 0.01, 0.1])
def test_the_loss_that_people_are_shown_is_that_of_the_link(loss: float) -> None:
    for repeat_ms in (0.0, REPEAT_MS):
        ran = over_a_link(repeat_ms, loss, 4)
        assert ran.loss_shown == pytest.approx(ran.loss_first, abs=0.01 + 0.1 * loss)
        assert (ran.loss_shown > 0.0) == (loss > 0.0)


def test_a_copy_of_nonsense_is_refused_or_ignored() -> None:
    sink = Kept()
    intake = Intake(sink, 1, 0)
    rng = random.Random("copies")
    good = pack(frame_of(1, 1))
    for _ in range(1000):
        tail = rng.randbytes(rng.randrange(1, 4))
        if tail != b"\x01":
            assert not intake.take(0, good + tail, 0, drives=True)
    assert sink.frames == []
    assert intake.take(0, good + b"\x01", 0, drives=True), "its first transmission was lost"
    assert [data for _, data in sink.frames] == [good]
    assert intake.take(0, rng.randbytes(len(good)) + b"\x01", 0, drives=True)
    assert len(sink.frames) == 1, "guard has counted the first transmission of it"
