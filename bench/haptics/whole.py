"""The whole system on the virtual clock with a haptic console.

Real: everything of `bench/world.py`, the haptic loop, safety frames, force frames and the gateway's
return leg. Simulated: processes as tasks, links, handle and person.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from bench.people import seen_of
from bench.world import CONSOLE_SESSION, World, WorldOptions
from haptics.bilateral.choice import Coupling
from haptics.bilateral.handle import HandleState
from haptics.bilateral.mapping import Block, Scales
from haptics.bilateral.render import HandOut, HapticLoop
from haptics.vec import ZERO
from robot_sim.operator import Hand, Intention, Operator
from safety.limits import Limits, limits_hash
from safety.messages import GuardReport
from teleop.console.loop import from_robot
from teleop.console.messages import HandSide, SimPerson
from teleop.console.person import STILL, Person
from teleop.console.view import (
    NOTHING_SHOWN,
    Beat,
    Composer,
    LinkMeter,
    Shown,
    block_of,
    robot_side,
)
from teleop.drivers.handle_sim import FACTS
from teleop.gateway.haptic import ReturnLeg
from teleop.scripted.persons import Act, Expert, Seen
from transport.force_frame import ForceFrame, pack, unpack

LOOP_NS = 1_000_000
RETURN_NS = 2_000_000


@dataclass(slots=True)
class Figures:
    """Extremes of the run."""

    felt_n: float = 0.0
    port_low_j: float = 0.0
    port_j: float = 0.0
    """Energy that flowed into the coupling at the hand (no grant counted)."""


class HapticPage:
    """The native console, in the place of the console page."""

    def __init__(self, limits: Limits, scales: Scales, operator: Operator) -> None:
        self.console = self
        self.person = Person()
        self.operator = operator
        self.loop = HapticLoop(FACTS, scales)
        self.composer = Composer(CONSOLE_SESSION, limits_hash(limits), 0)
        self.meter = LinkMeter()
        self.figures = Figures()
        self.out: HandOut | None = None
        self.force: ForceFrame | None = None
        self.shown: Shown = NOTHING_SHOWN
        self._limits = limits
        self._means: SimPerson = STILL
        self._force_ns = self._picture_ns = self._beat_ns = 0
        self._mark = -1
        self._held_n = 0.0
        self._hand: HandSide | None = None
        self._rendered = (0, 0)

    @property
    def expert(self) -> Expert:
        """Who decides."""
        return self.person.expert

    @property
    def sequence(self) -> int:
        """Sequence number of the newest safety frame."""
        return self.composer.sequence

    def heartbeat(self, stamp_ns: int, nonce: int, epoch: int) -> None:
        """A heartbeat arrived; `now` is that of the last haptic cycle."""
        self._beat_ns = self._now_ns
        self.composer.beat(Beat(self._now_ns, stamp_ns, nonce, epoch))

    _now_ns = 0

    def rendered(self, stamp_us: int, now_ns: int) -> None:
        """Telemetry came; what counts of it comes by `show`."""

    def show(self, now_ns: int, shown: Shown, report: GuardReport) -> None:
        """What telemetry shows."""
        self.shown = shown
        lag_ms = self.out.lag_s * 1e3 if self.out is not None else 0.0
        self.meter.age(now_ns, report.age_ms, lag_ms)

    def feel(self, now_ns: int, frame: ForceFrame) -> None:
        """A force frame arrived."""
        self.meter.frame(frame.number)
        if self.force is None or frame.stamp_ns > self.force.stamp_ns:
            self.force, self._force_ns = frame, now_ns

    def present(self, rtp_timestamp: int, now_ns: int, mark: int) -> None:
        """A picture came on screen."""
        self._mark, self._picture_ns = mark, now_ns
        self.composer.seen(rtp_timestamp, now_ns)

    def let_go(self) -> None:
        """The dead-man is let go."""
        self._means = self.person.let_go()

    def look(self, now_ns: int, seen: Seen) -> tuple[Act, ...]:
        """The person looks and decides."""
        if self.block(now_ns) is not Block.NONE:
            self.let_go()
            return ()
        mark = self._mark if self._mark >= 0 else None
        means, acts = self.person.look(now_ns, seen, mark)
        if means != self._means:
            self._means = means
            self.operator.noticed = False
            self.operator.intention = replace(
                self.operator.intention, felt_n=means.felt_n, approach_m_s=means.approach_m_s
            )
        return acts

    def block(self, now_ns: int) -> Block:
        """What forbids driving now."""
        stale_ns = round(self._limits.image_stale_ms * 1e6)
        return block_of(now_ns, self._beat_ns, self._picture_ns, stale_ns)

    def cycle(self, now_ns: int, _lateness_ns: int) -> None:
        """One cycle of the haptic loop, 1 kHz."""
        self._now_ns = now_ns
        before_m = self.operator.p_m
        self.operator.step(self._held_n, LOOP_NS / 1e9)
        self.figures.port_j += self._held_n * (self.operator.p_m - before_m)
        self.figures.port_low_j = min(self.figures.port_low_j, self.figures.port_j)
        side = robot_side(
            now_ns, self.force, self._force_ns, self.shown, self.meter.coupling(now_ns),
            self.block(now_ns), self._limits.haptic_ms, self.meter.lag_max_s(now_ns),
        )  # fmt: skip
        if self.force is not None and self.force.stamp_ns != self._rendered[0]:
            self._rendered = (self.force.stamp_ns, now_ns)
        grip = HandleState(
            (0.0, 0.0, self.operator.p_m), ZERO, (0.0, 0.0, self.operator.v_m_s), ZERO,
            deadman=self._means.deadman, clutch=False,
        )  # fmt: skip
        force, self.out = self.loop.step(grip, from_robot(side, now_ns), LOOP_NS / 1e9)
        self._held_n = -force[2]
        self.figures.felt_n = max(self.figures.felt_n, self._held_n)
        self._hand = hand_side(self.out, now_ns, self._rendered)

    def sample(self, now_ns: int) -> bytes | None:
        """The next safety frame; None before the first heartbeat."""
        return None if self._hand is None else self.composer.compose(self._hand, now_ns)

    @property
    def coupling(self) -> Coupling:
        """The coupling chosen now."""
        return self.meter.choice.coupling


def hand_side(out: HandOut, now_ns: int, rendered: tuple[int, int]) -> HandSide:
    """What the loop process would write."""
    return HandSide(
        stamp_ns=now_ns, p_m=_three(out.p_m), r_rad=_three(out.r_rad), v_m_s=_three(out.v_m_s),
        w_rad_s=_three(out.w_rad_s), force_ref_n=out.force_ref_n, deadman=out.deadman,
        deadman_edges=out.deadman_edges, reason=out.reason, clutch=out.clutch,
        touch_echo=out.touch_echo, lag_s=out.lag_s, felt_n=out.felt_n, rendering=out.rendering,
        reflecting=out.reflecting, port_j=out.port_j, rendered_stamp_ns=rendered[0],
        rendered_ns=rendered[1], cycle=0, overruns=0, late_us=0.0,
    )  # fmt: skip


def _three(v: tuple[float, ...]) -> tuple[float, float, float]:
    return v[0], v[1], v[2]


class HapticWorld(World):
    """A world whose console is a haptic one."""

    def __init__(self, options: WorldOptions | None = None, hand: Hand | None = None) -> None:
        super().__init__(options)
        operator = Operator(hand or Hand(), Intention(approach_m_s=0.0))
        self.haptic = HapticPage(self.options.limits, Scales(), operator)
        self.page = self.haptic  # type: ignore[assignment]
        self.leg = ReturnLeg()
        self.clock.every("haptic", LOOP_NS, self.haptic.cycle, 0.15)
        self.clock.every("return", RETURN_NS, self._return, 0.7)

    def _return(self, now_ns: int, _lateness_ns: int) -> None:
        if not self.gateway_alive or not self.site.arm.seq or not self.site.servo_report.seq:
            return
        frame = self.leg.update(self.site.arm.value, self.site.servo_report.value)
        if frame is None:
            return
        data = pack(frame)
        for due_ns in self.down.deliver(now_ns, len(data)):
            self.clock.at(due_ns, lambda at_ns: self.haptic.feel(at_ns, unpack(data)))

    def _send_telemetry(self, now_ns: int) -> None:
        report, arm = self.site.report.value, self.site.arm.value
        seen = seen_of(report, self.site.servo_report.value)
        shown = Shown(report.state, report.haptic_ms, arm.base_p_probe_m, arm.base_q_probe)

        def render(at_ns: int) -> None:
            self._render(at_ns, 0, seen)
            self.haptic.show(at_ns, shown, report)

        for due_ns in self.down.deliver(now_ns):
            self.clock.at(due_ns, render)
