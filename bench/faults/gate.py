"""Attack frames against the real key ring and the real gate, while the true operator goes on.

A relay between console and guard knows every frame that was sent, but no key. Between any two
genuine frames it offers a burst of its own (`bench/attack/frames.py`). What counts: how many of
them are accepted, and whether any genuine frame is refused because of them (the flaw of RAVEN II:
a forged sequence number mutes the operator; Bonaci et al., arXiv:1504.04339).
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field

from bench.attack.frames import Attack, attack_frames
from bench.faults.spec import Spec
from bench.kit.model import Figure, Measured
from safety.authentic import KEY_BYTES, KEY_MAGIC, KEY_RECORD, KeyRing, sign
from safety.frame import FLAG_DEADMAN, SafetyFrame, pack
from safety.gate import Gate, Rejection
from safety.limits import Limits, limits_hash
from safety.stamps import StampTable
from transport.impair import Noise
from transport.local.clock import now_ns

SESSION, EPOCH = 11, 1 << 32
PERIOD_NS = 5_000_000
MS = 1_000_000
BURST = 50
"""Attack frames between two genuine ones: 10,000 a second at 200 Hz."""
CAPTURED = 400


@dataclass(slots=True)
class Door:
    """Key ring, gate and stamps of one guard, and the console that is let in."""

    seed: int
    limits: Limits = field(default_factory=Limits)
    keys: KeyRing = field(default_factory=KeyRing)
    gate: Gate = field(default_factory=Gate)
    stamps: StampTable = field(default_factory=StampTable)
    now_ns: int = 1_000_000_000_000
    seq: int = 0
    key: bytes = field(init=False)
    hash32: int = field(init=False)
    nonces: Noise = field(init=False)

    def __post_init__(self) -> None:
        noise = Noise.stream(self.seed, 5)
        words = (noise.bits().to_bytes(8, "little") for _ in range(KEY_BYTES // 8))
        self.key = b"".join(words)
        self.hash32 = limits_hash(self.limits)
        self.nonces = Noise.stream(self.seed, 6)
        self.keys.put(KEY_RECORD.pack(KEY_MAGIC, SESSION, self.key))

    def genuine(self) -> bytes:
        """5 ms later: guard issues a stamp, the console echoes it."""
        self.now_ns += PERIOD_NS
        self.seq += 1
        nonce = self.nonces.bits() & 0xFFFFFFFF
        self.stamps.issue(self.now_ns, nonce, int(self.limits.stamp_life_ms * MS))
        return sign(pack(self._frame(nonce)), self.key)

    def _frame(self, nonce: int) -> SafetyFrame:
        x = 1e-3 * (self.seq % 30)
        zero = (0.0, 0.0, 0.0)
        return SafetyFrame(
            session=SESSION, epoch=EPOCH, seq=self.seq, echo_ns=self.now_ns, echo_nonce=nonce,
            frame_id=self.seq, dwell_us=1000, haptic_echo_us=0, haptic_dwell_us=0,
            flags=FLAG_DEADMAN, mode=0, deadman_edges=1, hand_p_m=(x, 0.0, 0.0), hand_r_rad=zero,
            hand_v_m_s=zero, hand_w_rad_s=zero, force_ref_n=5.0, needle_v_m_s=0.0,
            limits_hash=self.hash32,
        )  # fmt: skip

    def offer(self, data: bytes) -> Rejection:
        """What guard does with a frame; NONE: accepted."""
        found = self.gate.check(
            data, self.now_ns, authenticity=self.keys.judge(data), session=SESSION, epoch=EPOCH,
            stamps=self.stamps, limits=self.limits, limits_hash=self.hash32,
        )  # fmt: skip
        return found if isinstance(found, Rejection) else Rejection.NONE


@dataclass(frozen=True, slots=True)
class Siege:
    """What came of one kind of attack."""

    offered: int
    accepted: int
    genuine: int
    genuine_refused: int
    reasons: Counter[Rejection]


def siege(kind: Attack, count: int, seed: int) -> Siege:
    """Offer `count` frames of a kind among genuine ones."""
    door, noise = Door(seed), Noise.stream(seed, 100 + list(Attack).index(kind))
    captured: deque[bytes] = deque(maxlen=CAPTURED)
    reasons: Counter[Rejection] = Counter()
    refused = offered = genuine = 0
    while offered < count:
        frame = door.genuine()
        genuine += 1
        refused += door.offer(frame) is not Rejection.NONE
        captured.append(frame)
        burst = min(BURST, count - offered)
        offered += burst
        reasons.update(door.offer(bad) for bad in attack_frames(captured, kind, noise, burst))
    return Siege(offered, reasons.pop(Rejection.NONE, 0), genuine, refused, reasons)


def measure(spec: Spec) -> Measured:
    """Every kind of attack, `count` frames each."""
    figures: list[Figure] = []
    notes = []
    accepted = refused = offered = 0
    start_ns = now_ns()
    for kind in Attack:
        found = siege(kind, spec.count, spec.seed)
        offered += found.offered
        accepted += found.accepted
        refused += found.genuine_refused
        figures.append(Figure(f"{kind.name.lower()} frames accepted", "", found.accepted,
                              found.offered))  # fmt: skip
        reasons = ", ".join(f"{r.name} {n}" for r, n in found.reasons.most_common())
        notes.append(f"{kind.name} ({kind.value}): {reasons}")
    rate = offered / ((now_ns() - start_ns) / 1e9)
    total = (
        Figure("attack frames accepted", "", accepted, offered),
        Figure("genuine frames refused", "", refused, offered // BURST),
        Figure("frames judged", "1/s", round(rate)),
    )
    return Measured((*total, *figures), (), (), tuple(notes))
