"""Console, link and guard of one puncture, lumped: the same limits, watchdogs, plan and permit.

Real: `safety.watchdog` (age, loop, m-in-k), `safety.needle`, `safety.permit`, `transport.impair`.
Lumped: frames and commands are objects instead of bytes; of the state machine only ACTIVE, DEGRADED
and HOLD with the time that two people take to leave it. Heartbeats come every 5 ms instead of 4,
and the mean loop is looked at every 20 ms.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace

from bench.kit.bench import BenchError
from bench.needle.picture import Frame
from safety.limits import Limits
from safety.messages import ArmState
from safety.needle import GOAL_UNIT_M, NeedleWatch
from safety.permit import Order, Situation, decide
from safety.states import Contact, Instrument, State
from safety.watchdog import Loop, Slots
from teleop.servo.needle import HOME_M
from transport.impair import Link, LinkProfile, Outages

MS = 1_000_000
FIVE_G = LinkProfile(delay_ms=10.0, jitter_ms=1.0, loss=0.01)
"""10 ms each way, 1 ms mean jitter, 1 % loss."""
OUTAGES = replace(FIVE_G, outages=Outages(20.0, 150.0, 25_000.0))
"""The same with an outage of 20 to 150 ms every 25 s."""
DECODE_NS = 3 * MS
ENCODE_NS = 6 * MS
DISPLAY_NS = 8 * MS
"""Half a page frame until a picture is presented."""
SAMPLE_NS = 5 * MS
BEAT_NS = 5 * MS
AVERAGE_NS = 20 * MS
DEPTH_STEP_M = 5e-5
"""Guard hears of the axis in steps of this: a twentieth of what it allows over the plan."""
PEOPLE_NS = 3_000_000_000
"""After the link has qualified: bedside press, then a fresh deadman edge."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A command on its way."""

    v_m_s: float
    turn_rad_s: float
    echo_ns: int
    frame_ns: int
    """Acquisition of the picture on screen."""
    dwell_ns: int
    """How long it had been on screen."""


NOTHING = Asked(0.0, 0.0, 0, 0, 0)


@dataclass(slots=True)
class Wire:
    """One direction: objects that arrive later, in order, or never."""

    link: Link
    queue: deque[tuple[int, object]] = field(default_factory=deque)

    def send(self, now_ns: int, item: object) -> None:
        """Put an object on the wire."""
        for due_ns in self.link.deliver(now_ns):
            self.queue.append((due_ns, item))

    def arrived(self, now_ns: int) -> list[tuple[int, object]]:
        """What came by now, and when."""
        out = []
        while self.queue and self.queue[0][0] <= now_ns:
            out.append(self.queue.popleft())
        return out


@dataclass(slots=True)
class Guard:
    """State, plan and permit of one puncture."""

    limits: Limits
    arm: ArmState
    state: State = State.ACTIVE
    needle: NeedleWatch = field(default_factory=NeedleWatch)
    loop: Loop = field(default_factory=Loop)
    slots: Slots = field(default_factory=Slots)
    command: Asked = NOTHING
    since_ns: int = 0
    clean_ns: int = 0
    holds: int = 0
    image_ms: float = -1.0
    average_ns: int = 0
    slow: bool = False
    """The mean loop was over the limit when it was last looked at."""
    orders: dict[tuple[State, bool, bool, float], Order] = field(default_factory=dict)
    """What was decided before: the same situation gives the same order."""

    def agree(self, depth_m: float) -> None:
        """Both people agreed on a plan of this depth from home."""
        arg = round(depth_m / GOAL_UNIT_M)
        self.needle.home = True
        agreed = self.needle.propose(arg, self.arm.base_p_probe_m, self.arm.base_q_probe)
        if not (agreed and self.needle.confirm(arg)):
            raise BenchError(f"guard refuses a plan of {depth_m} m: no patient of this bench")

    def take(self, now_ns: int, command: Asked) -> None:
        """A command arrived; older than the limit it is never used."""
        if now_ns - command.echo_ns > self.limits.command_age_ms * MS:
            return
        self.command = command
        self.slots.advance(now_ns, self.limits)
        self.slots.command((now_ns - command.echo_ns) / MS, 1, self.limits)
        loop_ms = (now_ns - command.frame_ns - command.dwell_ns) / MS
        self.loop.add(command.frame_ns, max(0.0, loop_ms), now_ns, self.limits)

    def step(self, now_ns: int, depth_m: float) -> Order:
        """Judge the link, move the state, give the order of this step."""
        limits = self.limits
        misses = self.slots.advance(now_ns, limits)
        self.image_ms = (now_ns - self.command.frame_ns) / MS
        old = now_ns - self.command.echo_ns > limits.command_age_ms * MS
        stale = self.image_ms > limits.image_stale_ms
        if now_ns - self.average_ns >= AVERAGE_NS:
            self.average_ns = now_ns
            self.slow = self.loop.average_ms(now_ns, limits) > limits.loop_ms
        bad = old or stale or misses >= limits.hold_misses or self.slow
        late = self.loop.late(limits) or misses >= limits.degraded_misses
        self._move(now_ns, bad, late)
        if abs(depth_m - self.arm.needle_depth_m) > DEPTH_STEP_M:
            self.arm = replace(self.arm, needle_depth_m=depth_m)
        self.needle.follow(self.arm, depth_m <= HOME_M)
        fresh = 0.0 <= self.image_ms <= limits.needle_image_ms
        possible = self._order(fresh, True).needle_advance
        released = self.needle.may_advance(possible, self.command.v_m_s, self.arm)
        return self._order(fresh, released)

    def _order(self, fresh: bool, released: bool) -> Order:
        key = (self.state, fresh, released, self.needle.goal_m)
        if key not in self.orders:
            self.orders[key] = decide(
                Situation(
                    state=self.state,
                    contact=Contact.NEEDLE_IN_TISSUE,
                    instrument=Instrument.PROBE_NEEDLE,
                    able=True,
                    engaged_ns=1_000_000_000,
                    recovered_ns=1_000_000_000,
                    live=True,
                    needle_goal_m=self.needle.goal_m,
                    needle_released=released,
                    image_fresh=fresh,
                ),
                self.limits,
            )
        return self.orders[key]

    def _move(self, now_ns: int, bad: bool, late: bool) -> None:
        if bad and self.state != State.HOLD:
            self.state, self.since_ns = State.HOLD, now_ns
            self.holds += 1
        if bad or late:
            self.clean_ns = now_ns
        waited_ns = now_ns - self.clean_ns
        qualify_ns = int(self.limits.qualify_s * 1e9)
        if self.state == State.HOLD and waited_ns > qualify_ns + PEOPLE_NS:
            self.state = State.ACTIVE
        elif self.state == State.ACTIVE and late:
            self.state = State.DEGRADED
        elif self.state == State.DEGRADED and waited_ns > self.limits.degraded_clean_s * 1e9:
            self.state = State.ACTIVE


@dataclass(slots=True)
class Console:
    """Newest heartbeat and picture at the expert's place."""

    echo_ns: int = 0
    frame: Frame | None = None
    presented_ns: int = 0
    pending: deque[tuple[int, Frame]] = field(default_factory=deque)

    def show(self, now_ns: int) -> Frame | None:
        """The picture that comes on screen now, if any."""
        shown = None
        while self.pending and self.pending[0][0] <= now_ns:
            _, shown = self.pending.popleft()
        if shown is not None:
            self.frame, self.presented_ns = shown, now_ns
        return shown
