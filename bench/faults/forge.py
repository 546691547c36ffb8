"""Frames that an attacker makes: without the key, or with bytes that once were genuine."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace

from bench.faults.act import MS
from bench.world import World
from safety.authentic import KEY_BYTES, sign
from safety.frame import pack, unpack
from safety.messages import FRAME_BYTES
from transport.impair import Noise

PERIOD_NS = 10 * MS
KEPT = 200
"""Genuine frames that the attacker has seen (1 s)."""
OLD = 100
LEAD = 1000


class Wire:
    """What an attacker on the path knows: every genuine frame, but no key."""

    def __init__(self, seed: int) -> None:
        self.seen: deque[bytes] = deque(maxlen=KEPT)
        self.noise = Noise(seed)

    def key(self) -> bytes:
        """A key that is not the right one."""
        return b"".join(self.noise.bits().to_bytes(8, "little") for _ in range(KEY_BYTES // 8))


Make = Callable[[Wire], bytes]


def forged(wire: Wire) -> bytes:
    """The next frame, with another motion, signed with a guessed key."""
    frame = unpack(wire.seen[-1])
    worse = replace(frame, seq=frame.seq + 1, hand_p_m=(0.5, 0.0, 0.0), force_ref_n=20.0)
    return sign(pack(worse), wire.key())


def leading(wire: Wire) -> bytes:
    """A sequence number far ahead, to shut the true operator out."""
    frame = unpack(wire.seen[-1])
    return sign(pack(replace(frame, seq=frame.seq + LEAD)), wire.key())


def repeated(wire: Wire) -> bytes:
    """The newest genuine frame once more."""
    return wire.seen[-1]


def replayed(wire: Wire) -> bytes:
    """A genuine frame of half a second ago."""
    return wire.seen[-min(len(wire.seen), OLD)]


def changed(wire: Wire) -> bytes:
    """A genuine frame with one bit flipped."""
    data = bytearray(wire.seen[-1])
    bit = wire.noise.bits() % (8 * FRAME_BYTES)
    data[bit // 8] ^= 1 << bit % 8
    return bytes(data)


def foreign(wire: Wire) -> bytes:
    """A frame of a session that the attacker has a key for."""
    frame = unpack(wire.seen[-1])
    return sign(pack(replace(frame, session=ATTACKER_SESSION, seq=frame.seq + 1)), ATTACKER_KEY)


def noise(wire: Wire) -> bytes:
    """Bytes."""
    return b"".join(wire.noise.bits().to_bytes(8, "little") for _ in range(16))[:FRAME_BYTES]


ATTACKER_SESSION = 77
ATTACKER_KEY = bytes(range(1, KEY_BYTES + 1))
"""An observer that was let in has a key of its own session."""


def attack(make: Make) -> Callable[[World], None]:
    """From now on a frame of the attacker reaches guard's mailbox every `PERIOD_NS`."""

    def inject(world: World) -> None:
        wire = Wire(world.clock.now_ns // MS)
        mailbox = world.site.frame
        world.site.admit(ATTACKER_SESSION, ATTACKER_KEY)
        put = mailbox.put

        def listen(value: bytes) -> None:
            wire.seen.append(value)
            put(value)

        def strike(now_ns: int) -> None:
            if wire.seen:
                mailbox.seq, mailbox.value = mailbox.seq + 1, make(wire)
            world.clock.at(now_ns + PERIOD_NS, strike)

        mailbox.put = listen  # type: ignore[method-assign]
        world.clock.at(world.clock.now_ns + PERIOD_NS // 3, strike)

    return inject
