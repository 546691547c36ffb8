"""What the console makes of messages: link figures, block reasons, safety frames (pure).

The echo of a command is the newest heartbeat that was there when the input was sampled, less the
lag of the tremor filter: what the filter delays counts in the command's age. A sample that is sent
again keeps its echo, so that a live sender cannot freshen a hung haptic loop.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace

from haptics.bilateral.choice import Coupling, CouplingChoice
from haptics.bilateral.mapping import Block
from haptics.bilateral.one_euro import LAG_MIN_S
from haptics.vec import from_quat, log
from safety.frame import (
    FLAG_CLUTCH,
    FLAG_DEADMAN,
    FLAG_HANDLE,
    FLAG_TOUCH_FELT,
    TOUCH_MASK,
    TOUCH_SHIFT,
    SafetyFrame,
    pack,
)
from safety.layout import Quat, Vec3
from safety.states import State
from teleop.console.messages import HandSide, RobotSide
from transport.force_frame import ForceFrame
from transport.percentile import LatencyWindow
from transport.schema import Telemetry

DWELL_MAX_US = 100_000
BEATS_KEPT = 128
"""Half a second of heartbeats at 250 Hz."""
SILENT_NS = 250_000_000
LOSS_WINDOW = 200
"""Force frames over which loss is counted: 2 s at the keep-alive of 100 Hz."""
RTT_SPAN_NS = 1_000_000_000
BUDGET_MS = 36.0
"""Age that round trip and filter may reach together: below the 40 ms from which on a command slot
counts as missed (`slot_late_ms`)."""
MOVING = (State.ACTIVE, State.DEGRADED)


@dataclass(frozen=True, slots=True)
class Beat:
    """A heartbeat and when it came."""

    heard_ns: int
    stamp_ns: int
    nonce: int
    epoch: int


@dataclass(slots=True)
class LinkMeter:
    """Round trip and loss as the console can know them."""

    choice: CouplingChoice = field(default_factory=CouplingChoice)
    loss: float = 0.0
    _rtt: LatencyWindow = field(default_factory=lambda: LatencyWindow(RTT_SPAN_NS, 50_000_000))
    _numbers: deque[int] = field(default_factory=lambda: deque(maxlen=LOSS_WINDOW))

    def frame(self, number: int) -> None:
        """A force frame came."""
        if self._numbers and abs(number - self._numbers[-1]) > LOSS_WINDOW:
            self._numbers.clear()  # the robot's gateway was restarted
        self._numbers.append(number)
        span = max(self._numbers) - min(self._numbers) + 1
        self.loss = max(0.0, 1.0 - len(self._numbers) / span)

    def age(self, now_ns: int, age_ms: float, lag_ms: float) -> None:
        """The robot's figure for a command's age: a whole round trip and the filter's lag."""
        if age_ms >= 0.0:
            self._rtt.add(now_ns, max(0.0, age_ms - lag_ms))

    def rtt_ms(self, now_ns: int) -> float:
        """Median of the last second; -1: unknown."""
        return self._rtt.percentiles(now_ns).p50_ms

    def lag_max_s(self, now_ns: int) -> float:
        """Time that the tremor filter may take of the age budget; unknown: as little as it can."""
        worst_ms = self._rtt.percentiles(now_ns).p95_ms
        return LAG_MIN_S if worst_ms < 0.0 else max(LAG_MIN_S, (BUDGET_MS - worst_ms) / 1e3)

    def coupling(self, now_ns: int) -> Coupling:
        """The coupling for the link as it is."""
        rtt_ms = self.rtt_ms(now_ns)
        if rtt_ms < 0.0:
            return self.choice.coupling  # no command was taken yet: nothing to judge
        return self.choice.update(now_ns, rtt_ms, self.loss)


@dataclass(slots=True)
class Composer:
    """Makes safety frames of hand samples."""

    session: int
    limits_hash: int
    sequence: int
    """First number: newer than any earlier console's in the same epoch."""
    beats: deque[Beat] = field(default_factory=lambda: deque(maxlen=BEATS_KEPT))
    frame_id: int = 0
    seen_ns: int = 0
    """When that picture was seen."""
    _sampled_ns: int = -1
    _frame: SafetyFrame | None = None

    def beat(self, beat: Beat) -> None:
        """Take a heartbeat; an old one changes nothing."""
        if not self.beats or beat.stamp_ns > self.beats[-1].stamp_ns:
            self.beats.append(beat)
        elif beat.epoch > self.beats[-1].epoch:
            self.beats.clear()
            self.beats.append(beat)

    def seen(self, frame_id: int, at_ns: int) -> None:
        """A picture came on screen; the same one again changes nothing."""
        if frame_id != self.frame_id:
            self.frame_id, self.seen_ns = frame_id, at_ns

    def compose(self, hand: HandSide, now_ns: int) -> bytes | None:
        """The bytes to send now; None before the first heartbeat."""
        beat = self._echo(hand.stamp_ns - round(hand.lag_s * 1e9))
        if beat is None:
            return None
        self.sequence += 1
        if hand.stamp_ns == self._sampled_ns and self._frame is not None:
            return pack(replace(self._frame, seq=self.sequence))
        self._sampled_ns = hand.stamp_ns
        self._frame = self._sample(hand, beat)
        return pack(self._frame)

    def _echo(self, at_ns: int) -> Beat | None:
        """The newest heartbeat that had come by `at_ns`, or the oldest that is kept."""
        newest = next((b for b in reversed(self.beats) if b.heard_ns <= at_ns), None)
        return newest or (self.beats[0] if self.beats else None)

    def _sample(self, hand: HandSide, beat: Beat) -> SafetyFrame:
        at_ns = hand.stamp_ns
        dwell_us = (at_ns - self.seen_ns) // 1000 if self.seen_ns else 0
        rendered_us = (at_ns - hand.rendered_ns) // 1000
        return SafetyFrame(
            session=self.session,
            epoch=self.beats[-1].epoch,
            seq=self.sequence,
            echo_ns=beat.stamp_ns,
            echo_nonce=beat.nonce,
            frame_id=self.frame_id,
            dwell_us=max(0, min(DWELL_MAX_US, dwell_us)),
            haptic_echo_us=hand.rendered_stamp_ns // 1000 & 0xFFFFFFFF,
            haptic_dwell_us=max(0, min(0xFFFFFFFF, rendered_us)),
            flags=_flags(hand),
            mode=0,
            deadman_edges=hand.deadman_edges & 0xFFFF,
            hand_p_m=hand.p_m,
            hand_r_rad=hand.r_rad,
            hand_v_m_s=hand.v_m_s,
            hand_w_rad_s=hand.w_rad_s,
            force_ref_n=max(0.0, min(20.0, hand.force_ref_n)),
            needle_v_m_s=0.0,
            limits_hash=self.limits_hash,
        )


def _flags(hand: HandSide) -> int:
    flags = FLAG_HANDLE | FLAG_DEADMAN * hand.deadman | FLAG_CLUTCH * hand.clutch
    if hand.touch_echo >= 0:
        flags |= FLAG_TOUCH_FELT | (hand.touch_echo & TOUCH_MASK) << TOUCH_SHIFT
    return flags


def block_of(now_ns: int, beat_ns: int, picture_ns: int, stale_ns: int) -> Block:
    """What forbids driving: no heartbeat, or no current picture in sight."""
    if beat_ns == 0 or now_ns - beat_ns > SILENT_NS:
        return Block.PATH
    if picture_ns == 0 or now_ns - picture_ns > stale_ns:
        return Block.PICTURE
    return Block.NONE


@dataclass(frozen=True, slots=True)
class Shown:
    """What the newest telemetry says, as far as the haptic loop needs it."""

    state: State
    haptic_ms: float
    probe_p_m: Vec3
    probe_q: Quat


NOTHING_SHOWN = Shown(State.INIT, -1.0, (0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 1.0))


def shown_of(t: Telemetry) -> Shown:
    """The part of a telemetry message that the haptic loop needs."""
    return Shown(State(t.state), t.haptic_ms, t.probe_p_m, t.probe_q)


def robot_side(
    now_ns: int,
    frame: ForceFrame | None,
    heard_ns: int,
    shown: Shown,
    coupling: Coupling,
    block: Block,
    leg_limit_ms: float,
    lag_max_s: float,
) -> RobotSide:
    """The message for the haptic loop."""
    turn = log(from_quat(shown.probe_q))
    return RobotSide(
        stamp_ns=now_ns,
        heard_ns=heard_ns,
        force_stamp_ns=frame.stamp_ns if frame else 0,
        contact=frame.contact if frame else False,
        force_valid=frame.force_valid if frame else False,
        touch=frame.touch if frame else 0,
        force_n=frame.force_n if frame else 0.0,
        force_ref_n=frame.force_ref_n if frame else 0.0,
        inward=frame.inward if frame else (0.0, 0.0, 1.0),
        stiffness_n_m=frame.stiffness_n_m if frame else 0.0,
        damping_n_s_m=frame.damping_n_s_m if frame else 0.0,
        coupling=coupling,
        leg_ms=shown.haptic_ms,
        leg_limit_ms=leg_limit_ms,
        moving=shown.state in MOVING and block is Block.NONE,
        block=block,
        probe_p_m=shown.probe_p_m,
        probe_r_rad=(turn[0], turn[1], turn[2]),
        lag_max_s=lag_max_s,
    )
