"""One direction of an impaired network link, as a pure and seeded function of time.

Order per packet: blackout (drop or hold), loss, duplicate and corruption, rate with a byte-limited
queue, delay or trace, jitter. Due times are made monotone, so that jitter does not reorder; only
`LinkProfile.reorder` does, or `in_order=False`. Every random stage has a sequence of its own and
draws for every packet, so that the fate of packet n in one stage depends neither on time nor on
the other stages.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum

from transport.impair.bottleneck import Bottleneck
from transport.impair.loss import GilbertElliott, LossModel, ParetoLoss
from transport.impair.noise import Noise
from transport.impair.profile import BlackoutMode, JitterShape, LinkProfile, PathProfile
from transport.impair.timeline import OutageRun, interpolate


class Drop(StrEnum):
    """Why a packet did not arrive."""

    CUT = "cut"
    BLACKOUT = "blackout"
    LOSS = "loss"
    QUEUE = "queue"
    TRACE = "trace"


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of one packet."""

    due_ns: tuple[int, ...] = ()
    """Arrivals: none (lost), one, or two (duplicate)."""
    drop: Drop | None = None
    flip: float | None = None
    """Where one bit is flipped, as a share 0..1 of the packet's bits; None: intact."""


class Link:
    """Decides for each packet when (and whether) it arrives. Deterministic by seed and calls."""

    def __init__(
        self, profile: LinkProfile, seed: int, origin_ns: int = 0, outage_seed: int | None = None
    ) -> None:
        """Begin a link at `origin_ns`; links with one `outage_seed` share their random outages."""
        self.profile = profile
        self.sent = 0
        self.drops: Counter[Drop] = Counter()
        self.cut = False
        """True: everything is dropped from now on (a pulled cable)."""
        self._origin_ns = origin_ns
        self._last_due_ns = 0
        streams = [Noise.stream(seed, index) for index in range(8)]
        self._losses: list[LossModel] = []
        if profile.loss > 0.0:
            self._losses.append(GilbertElliott(profile.loss, profile.burst, streams[0]))
        if profile.pareto is not None:
            self._losses.append(ParetoLoss(profile.pareto, streams[1]))
        self._duplicates, self._corruption, self._reordering = streams[2:5]
        self._jitter, self._mixture = streams[5:7]
        windows = Noise.stream(seed if outage_seed is None else outage_seed, 7)
        self._outages = OutageRun(profile.outages, windows) if profile.outages else None
        steps = profile.rate_kbps
        self._bottleneck = Bottleneck(steps, profile.queue_bytes) if steps else None

    @property
    def dropped(self) -> int:
        """Packets that did not arrive."""
        return self.drops.total()

    def deliver(self, now_ns: int, size_bytes: int = 0) -> list[int]:
        """Return when an intact packet sent at `now_ns` arrives.

        For worlds without bytes: a corrupted packet counts as one that does not arrive, because
        its receiver's integrity check refuses it.
        """
        fate = self.send(now_ns, size_bytes)
        return list(fate.due_ns) if fate.flip is None else []

    def send(self, now_ns: int, size_bytes: int = 0) -> Fate:
        """Decide the fate of a packet of `size_bytes` (with its IP header) sent at `now_ns`."""
        self.sent += 1
        # Every packet draws in every stage, so that a blackout does not shift the pattern.
        lost = [model.lose() for model in self._losses]
        copies = 2 if self._happens(self._duplicates, self.profile.duplicate) else 1
        flips = self._happens(self._corruption, self.profile.corrupt)
        where = self._corruption.uniform() if self.profile.corrupt > 0.0 else 0.0
        late = self._happens(self._reordering, self.profile.reorder)
        random_ms = self._random_ms()
        start_ms = self._start_ms((now_ns - self._origin_ns) / 1e6)
        if self.cut or start_ms is None or any(lost):
            drop = Drop.CUT if self.cut else Drop.BLACKOUT if start_ms is None else Drop.LOSS
            return self._lose(drop)
        left_ms = self._bottleneck.leave_ms(start_ms, size_bytes) if self._bottleneck else start_ms
        if left_ms is None:
            return self._lose(Drop.QUEUE)
        delay_ms = self._delay_ms(left_ms)
        if math.isinf(delay_ms):
            return self._lose(Drop.TRACE)
        due_ns = self._origin_ns + round((left_ms + delay_ms + random_ms) * 1e6)
        due_ns = self._in_order(max(due_ns, now_ns), late)
        return Fate((due_ns,) * copies, flip=where if flips else None)

    def _lose(self, drop: Drop) -> Fate:
        self.drops[drop] += 1
        return Fate(drop=drop)

    def _in_order(self, due_ns: int, late: bool) -> int:
        """Nobody overtakes, except those behind a packet that is held back alone."""
        if self.profile.in_order:
            due_ns = max(self._last_due_ns, due_ns)
            self._last_due_ns = due_ns
        return due_ns + round(self.profile.reorder_ms * 1e6) if late else due_ns

    @staticmethod
    def _happens(noise: Noise, share: float) -> bool:
        return share > 0.0 and noise.uniform() < share

    def _delay_ms(self, at_ms: float) -> float:
        profile = self.profile
        delay_ms = profile.delay_ms
        if profile.course_ms:
            delay_ms += interpolate(profile.course_ms, at_ms)
        return delay_ms + profile.trace.delay_at(at_ms) if profile.trace else delay_ms

    def _random_ms(self) -> float:
        profile = self.profile
        extra_ms = 0.0
        if profile.jitter_ms > 0.0:
            gamma = profile.jitter_shape is JitterShape.GAMMA
            draw = self._jitter.gamma2() if gamma else self._jitter.half_normal()
            extra_ms = profile.jitter_ms * draw
        if profile.mixture_ms:
            pick, draw = self._mixture.uniform(), self._mixture.exponential()
            extra_ms += draw * _pick(profile.mixture_ms, pick)
        return extra_ms

    def _start_ms(self, at_ms: float) -> float | None:
        """When the packet sets out: now, or when the link is back; None: dropped in the dark."""
        end_ms = self._dark_until(at_ms)
        while end_ms is not None:
            if self.profile.blackout_mode is BlackoutMode.DROP:
                return None
            at_ms, end_ms = end_ms, self._dark_until(end_ms)
        return at_ms

    def _dark_until(self, at_ms: float) -> float | None:
        ends = [end for start, end in self.profile.blackouts_ms if start <= at_ms < end]
        for source in (self.profile.periodic, self._outages):
            end_ms = source.dark_until(at_ms) if source else None
            if end_ms is not None:
                ends.append(end_ms)
        return max(ends, default=None)


def _pick(mixture_ms: tuple[tuple[float, float], ...], draw: float) -> float:
    """Mean of the part of a mixture on which a uniform draw falls."""
    for weight, mean_ms in mixture_ms:
        if draw < weight:
            return mean_ms
        draw -= weight
    return mixture_ms[-1][1]


class Path:
    """Both directions of one link; random outages hit both at the same time."""

    def __init__(self, profile: PathProfile, seed: int, origin_ns: int = 0) -> None:
        self.profile = profile
        seeds = Noise.stream(seed, 1)
        up, down, outage = seeds.bits(), seeds.bits(), seeds.bits()
        self.up = Link(profile.up, up, origin_ns, outage)
        self.down = Link(profile.down, down, origin_ns, outage)

    def cut(self, *, up: bool = True, down: bool = True) -> None:
        """Pull the cable, one way or both; `cut(up=False, down=False)` puts it back."""
        self.up.cut, self.down.cut = up, down


def paths(profiles: tuple[PathProfile, ...], seed: int, origin_ns: int = 0) -> list[Path]:
    """Several links at once, with independent randomness from one seed."""
    return [
        Path(profile, Noise.stream(seed, 100 + index).bits(), origin_ns)
        for index, profile in enumerate(profiles)
    ]
