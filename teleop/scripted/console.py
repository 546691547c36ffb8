"""What the console page does at 200 Hz, without a page: echo, frame on screen, deadman, hand.

Pure: the running client (`run.py`) and the virtual-clock world (`bench/people.py`) both drive it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from safety.frame import FLAG_DEADMAN, SafetyFrame, pack
from teleop.scripted.hand import Path, Player
from teleop.scripted.persons import Act, Control, Expert, Seen

DWELL_MAX_US = 100_000
"""Range of `dwell_us` in a safety frame."""
STEP_MAX_S = 0.05
"""After a stall the hand goes on from where it was instead of jumping."""


def _us(duration_ns: int, most_us: int) -> int:
    """What the wire can carry, whatever the clock of this machine did."""
    return max(0, min(duration_ns // 1000, most_us))


@dataclass(frozen=True, slots=True)
class Presented:
    """A frame on the console's screen."""

    rtp_timestamp: int
    presented_ns: int


class Console:
    """Samples the scripted expert's input into safety frames."""

    def __init__(self, session: int, limits_hash: int, expert: Expert, path: Path) -> None:
        self.expert = expert
        self.player = Player(path)
        self.session = session
        self.limits_hash = limits_hash
        self.finish = False
        """Time to end the scan."""
        self.heartbeat_ns = 0
        """Stamp of the newest heartbeat (robot clock), 0: none yet."""
        self._nonce = 0
        self._epoch = 0
        self._frame: Presented | None = None
        self._haptic = (0, 0)
        self._control = Control(False, expert.plan.force_ref_n, False, ())
        self._edges = 0
        self._seq = 0
        self._sampled_ns = 0

    @property
    def sequence(self) -> int:
        """Sequence number of the newest sample."""
        return self._seq

    @property
    def phase(self) -> int:
        """Where the scan stands (`persons.Phase`)."""
        return self.expert.phase

    def heartbeat(self, stamp_ns: int, nonce: int, epoch: int) -> None:
        """A heartbeat arrived; an old one changes nothing."""
        if stamp_ns > self.heartbeat_ns:
            self.heartbeat_ns, self._nonce, self._epoch = stamp_ns, nonce, epoch

    def telemetry(self, stamp_us: int, now_ns: int) -> None:
        """A telemetry message was rendered at `now_ns`."""
        self._haptic = (stamp_us & 0xFFFFFFFF, now_ns)

    def present(self, frame: Presented) -> None:
        """A frame came on screen."""
        self._frame = frame

    def look(self, now_ns: int, seen: Seen, mark: int | None) -> tuple[Act, ...]:
        """The expert looks at page and picture and decides; returns the page events."""
        self._take(self.expert.decide(now_ns, seen, mark, self.finish))
        return self._control.acts

    def let_go(self) -> None:
        """The page went blind: it releases the deadman, as the browser's page does."""
        self.expert.deadman = False
        self._take(replace(self._control, deadman=False, moving=False, acts=()))

    def _take(self, control: Control) -> None:
        self._edges += control.deadman and not self._control.deadman
        self._control = control

    def sample(self, now_ns: int) -> SafetyFrame | None:
        """Sample the input at `now_ns`; None before the first heartbeat."""
        if self.heartbeat_ns == 0:
            return None
        self._seq += 1
        dt_s = (now_ns - self._sampled_ns) / 1e9 if self._sampled_ns else 0.0
        self._sampled_ns = now_ns
        hand = self.player.advance(max(0.0, min(dt_s, STEP_MAX_S)), self._control.moving)
        frame = self._frame or Presented(0, now_ns)
        return SafetyFrame(
            session=self.session,
            epoch=self._epoch,
            seq=self._seq,
            echo_ns=self.heartbeat_ns,
            echo_nonce=self._nonce,
            frame_id=frame.rtp_timestamp,
            dwell_us=_us(now_ns - frame.presented_ns, DWELL_MAX_US),
            haptic_echo_us=self._haptic[0],
            haptic_dwell_us=_us(now_ns - self._haptic[1], 0xFFFFFFFF),
            flags=FLAG_DEADMAN if self._control.deadman else 0,
            mode=0,
            deadman_edges=self._edges & 0xFFFF,
            hand_p_m=hand.p_m,
            hand_r_rad=hand.r_rad,
            hand_v_m_s=hand.v_m_s,
            hand_w_rad_s=hand.w_rad_s,
            force_ref_n=self._control.force_ref_n,
            needle_v_m_s=0.0,
            limits_hash=self.limits_hash,
        )

    def repeat(self, sampled: SafetyFrame) -> bytes:
        """The bytes of an old sample sent again: a new sequence number, the old echo."""
        self._seq += 1
        return pack(replace(sampled, seq=self._seq))
