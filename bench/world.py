"""The whole system in one process on a virtual clock: deterministic by seed, faster than real time.

Real: arm box, servo, guard, the safety frame, the scripted people. Simulated: processes as tasks,
links as `transport.impair.Link` (several at once: `bench/network.py`), the gateway as forwarding,
the ultrasound source as frame stamps.
Fault hooks are the public attributes and the methods under "Faults".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from bench.clock import VirtualClock
from bench.network import CONTROL_BYTES, Bundle, Direction, Pictures, Stream
from bench.people import LOOK_NS, SAMPLE_NS, BedsidePage, ConsolePage, seen_of
from bench.site import RobotSite
from bench.source import SimulatedSource
from bench.trace import Trace
from robot_sim.scene import Scene
from safety.authentic import KEY_BYTES, sign
from safety.limits import Limits, limits_hash
from safety.messages import FrameStamp, GatewayStatus
from safety.states import ArmInterface, EventKind, Source
from teleop.config import REPEAT_MS
from teleop.processes import spec
from teleop.scripted.persons import Act, Plan, Seen
from transport.impair import Link, LinkProfile, PathProfile, paths

CONSOLE_SESSION = 11
BEDSIDE_SESSION = 12
SESSION_KEY = bytes(range(KEY_BYTES))
"""What key agreement gave the console and guard; random in a real session."""
HEARTBEAT_NS = 4_000_000
TELEMETRY_NS = 10_000_000
GATEWAY_NS = 2_000_000
DECODE_NS = 3_000_000
"""Reassembly and decoding at the console (docs/aiortc.md)."""
WAYS = ("up", "down", "video")
KEY_NS = 100_000_000
"""How long a key is pressed."""


NEAR = LinkProfile(delay_ms=3.0, jitter_ms=0.5)
"""A good link within a city."""


class WorldError(RuntimeError):
    """The world did not reach what was waited for; the message says where it stands."""


@dataclass(frozen=True, slots=True)
class WorldOptions:
    """What a world is made of."""

    seed: int = 1
    control_hz: int = 500
    limits: Limits = field(default_factory=Limits)
    up: LinkProfile = NEAR
    down: LinkProfile = NEAR
    video: LinkProfile = NEAR
    plan: Plan = field(default_factory=Plan)
    links: tuple[PathProfile, ...] = ()
    """Whole links instead of `up`, `down` and `video`: all of them at once, first copy wins."""
    stream: Stream = field(default_factory=Stream)
    """Pictures on `links`."""
    repeat_after_ms: float = REPEAT_MS
    """On a single link commands and heartbeats go out again so much later; 0: sent once."""
    display_hz: float = 0.0
    """The screen shows a picture at its next refresh; 0: at once (a native console)."""
    interface: ArmInterface = ArmInterface.VELOCITY
    """Which arm, and so which control law."""
    scene: Scene | None = None
    """The patient; None: the built-in abdomen."""


class World:
    """Everything, wired."""

    def __init__(self, options: WorldOptions | None = None) -> None:
        self.options = options or WorldOptions()
        seed = self.options.seed
        self.clock = VirtualClock()
        origin_ns = self.clock.start_ns
        wanted = self.options
        self.site = RobotSite(wanted.limits, seed, wanted.interface, wanted.scene)
        self.up: Direction = Link(self.options.up, 2 * seed + 1, origin_ns)
        self.down: Direction = Link(self.options.down, 3 * seed + 2, origin_ns)
        self.video: Direction = Link(self.options.video, 5 * seed + 3, origin_ns)
        self.source = SimulatedSource(self._send_frame, self.clock.at)
        self.pictures: Pictures | None = None
        if self.options.links:
            self._lay_links(seed, origin_ns)
        hash32 = limits_hash(self.options.limits)
        self.site.admit(CONSOLE_SESSION, SESSION_KEY)
        self.page = ConsolePage(CONSOLE_SESSION, hash32, seed, self.options.plan)
        self.bedside = BedsidePage()
        self.trace = Trace()
        self.gateway_alive = True
        self.gateway_incarnation = 4
        self._cuts: Counter[str] = Counter()
        self.link_silent_ms = 0.0
        """What the gateway says of the link that is silent longest (`lose_link`)."""
        self.links = max(1, len(self.options.links))
        self.servo_incarnation = 2
        self._seen: Seen | None = None
        self._last_heartbeat_ns = 0
        self._last_telemetry_ns = 0
        self.on_sampled: Callable[[int, int], None] = lambda seq, now_ns: None
        self.on_arrived: Callable[[int, int], None] = lambda seq, now_ns: None
        """Hear (sequence, time) of every command sampled, and of every copy; for witnesses."""
        self._taken = 0
        self._start_tasks()

    def _lay_links(self, seed: int, origin_ns: int) -> None:
        """Commands up; heartbeats, telemetry and pictures down, through the same queues."""
        laid = paths(self.options.links, seed, origin_ns)
        self.up = Bundle([path.up for path in laid])
        self.down = self.video = down = Bundle([path.down for path in laid])
        self.pictures = Pictures(down, self.options.stream, self.clock.at)
        self.source.fps = self.options.stream.fps

    def _start_tasks(self) -> None:
        period_ns = 1_000_000_000 // self.options.control_hz
        every = self.clock.every
        self.arm_task = every("arm", period_ns, self._step_arm, spec("arm").phase)
        self.guard_task = every("guard", period_ns, self.site.step_guard, spec("guard").phase)
        self.servo_task = every("servo", period_ns, self.site.step_servo, spec("servo").phase)
        frame_ns = round(1e9 / self.source.fps)
        self.source_task = every("source", frame_ns, self._step_source, 0.3)
        self.media_task = every("media", 20_000_000, self._step_media, 0.1)
        self.gateway_task = every("gateway", GATEWAY_NS, self._step_gateway, 0.4)
        self.console_task = every("console", SAMPLE_NS, self._step_console, 0.5)
        every("look", LOOK_NS, self._look, 0.6)
        every("beat", 100_000_000, self.bedside.tick, 0.2)

    def run_for(self, seconds: float) -> None:
        """Run for a span of virtual time."""
        self.clock.run_to(self.clock.now_ns + round(seconds * 1e9))

    def run_until(self, condition: Callable[[], bool], limit_s: float = 30.0) -> None:
        """Run until `condition()` holds, looked at each ms; WorldError after `limit_s`."""
        end_ns = self.clock.now_ns + round(limit_s * 1e9)
        while not condition():
            if self.clock.now_ns >= end_ns:
                report = self.site.report.value
                raise WorldError(
                    f"not within {limit_s} s: {report.state.name}, first out "
                    f"{report.first_out.name}, step {report.step.name}, "
                    f"expert {self.page.expert.phase.name}"
                )
            self.clock.run_to(self.clock.now_ns + 1_000_000)

    def close(self) -> None:
        """Leave the physics world."""
        self.site.arm_box.close()

    # Faults that are more than one attribute.

    def kill_gateway(self) -> None:
        """The gateway process dies: commands, heartbeats and both pages' paths end."""
        self.gateway_alive = False

    def start_gateway(self) -> None:
        """A new gateway process; the pages reconnect at once."""
        self.gateway_alive = True
        self.gateway_incarnation += 100

    def stop_media(self) -> None:
        """The media process dies."""
        self.source_task.paused = self.media_task.paused = True

    def start_media(self) -> None:
        """A new media process."""
        self.source.incarnation += 100
        self.source_task.paused = self.media_task.paused = False

    def start_servo(self) -> None:
        """A new servo process."""
        self.servo_incarnation += 100
        self.site.restart_servo(self.servo_incarnation)
        self.servo_task.paused = False

    def start_guard(self) -> None:
        """A new guard process, which finds the arm powered."""
        self.site.restart_guard()
        self.guard_task.paused = False

    def cut_link(self, *, up: bool = True, down: bool = True, video: bool = True) -> None:
        """Pull the cable, one way or more; a way stays cut until it is healed as often."""
        self._pull(1, up=up, down=down, video=video)

    def lose_link(self) -> None:
        """One of two links goes silent for good; the other carries on."""
        self.links, self.link_silent_ms = max(2, self.links), 1e9

    def heal_link(self, *, up: bool = True, down: bool = True, video: bool = True) -> None:
        """Take one cut of each way back."""
        self._pull(-1, up=up, down=down, video=video)

    def _pull(self, count: int, **ways: bool) -> None:
        for way in WAYS:
            self._cuts[way] = max(0, self._cuts[way] + count * ways[way])
        for way in WAYS:
            self._lay_cut(way)

    def _lay_cut(self, way: str) -> None:
        # Ways may share one bundle of links; what cuts one of them cuts the bundle.
        shared = [name for name in WAYS if getattr(self, name) is getattr(self, way)]
        getattr(self, way).cut = any(self._cuts[name] > 0 for name in shared)

    def replace_link(self, way: str, link: Direction) -> None:
        """From now on packets go by another link, cut as often as the one before."""
        setattr(self, way, link)
        self._lay_cut(way)

    def release_deadman(self) -> None:
        """The expert lets go and does not press again by herself."""
        self.page.expert.willing = False
        self.page.console.let_go()

    def press_key(self, hold_ns: int = KEY_NS) -> None:
        """The nurse presses the stop key at the bedside."""
        now_ns = self.clock.now_ns
        for due_ns, arg in ((now_ns, 1), (now_ns + hold_ns, 0)):
            self.clock.at(
                due_ns,
                lambda at_ns, arg=arg: self.site.event(  # type: ignore[misc]
                    EventKind.STOP, Source.BEDSIDE_KEY, at_ns, arg, 0
                ),
            )

    def page_event(self, kind: EventKind, arg: int = 0, *, console: bool = False) -> None:
        """Somebody clicks on a page."""
        if self.gateway_alive:
            source = Source.CONSOLE if console else Source.BEDSIDE_PAGE
            session = CONSOLE_SESSION if console else BEDSIDE_SESSION
            self.site.event(kind, source, self.clock.now_ns, arg, session)

    # Tasks.

    def _step_arm(self, now_ns: int, lateness_ns: int) -> None:
        self.site.step_arm(now_ns, lateness_ns)
        self.trace.add(now_ns, self.site.arm.value, self.site.report.value)

    def _step_source(self, now_ns: int, lateness_ns: int) -> None:
        self.source.mark = self.site.report.value.mark if self.site.report.seq else -1
        self.source.tick(now_ns, lateness_ns)

    def _step_media(self, now_ns: int, lateness_ns: int) -> None:
        self.site.media.put(self.source.status(now_ns))

    def _send_frame(self, now_ns: int, stamp: FrameStamp) -> None:
        self.site.stamps.append(stamp)
        if self.pictures is not None:
            self.pictures.send(now_ns, lambda at_ns: self._decode(at_ns, stamp))
            return
        for due_ns in self.video.deliver(now_ns):
            self._decode(due_ns, stamp)

    def _decode(self, now_ns: int, stamp: FrameStamp) -> None:
        """The last packet arrives: decode it, and wait for the screen's refresh."""
        shown_ns = now_ns + DECODE_NS
        if self.options.display_hz > 0.0:
            refresh_ns = round(1e9 / self.options.display_hz)
            shown_ns = -(-shown_ns // refresh_ns) * refresh_ns
        self.clock.at(shown_ns, lambda at_ns: self._present(at_ns, stamp))

    def _present(self, now_ns: int, stamp: FrameStamp) -> None:
        self.page.present(stamp.rtp_timestamp, now_ns, stamp.mark)

    def _step_console(self, now_ns: int, lateness_ns: int) -> None:
        frame = self.page.sample(now_ns)
        if frame is None:
            return
        frame, seq = sign(frame, SESSION_KEY), self.page.sequence
        self.on_sampled(seq, now_ns)
        self._send(self.up, lambda at_ns: self._take_frame(frame, seq))

    def _send(self, way: Direction, arrived: Callable[[int], None]) -> None:
        """Send a command or a heartbeat; on a single link a second time, a little later."""

        def send(now_ns: int) -> None:
            for due_ns in way.deliver(now_ns, CONTROL_BYTES):
                self.clock.at(due_ns, arrived)

        send(self.clock.now_ns)
        if len(self.options.links) <= 1 and self.options.repeat_after_ms > 0.0:
            self.clock.at(self.clock.now_ns + round(self.options.repeat_after_ms * 1e6), send)

    def _take_frame(self, frame: bytes, seq: int) -> None:
        """Like the gateway: what was overtaken, or is a copy, is dropped."""
        self.on_arrived(seq, self.clock.now_ns)
        if self.gateway_alive and seq > self._taken:
            self._taken = seq
            self.site.frame.put(frame)

    def _step_gateway(self, now_ns: int, lateness_ns: int) -> None:
        if not self.gateway_alive:
            return
        self.site.gateway.put(self._gateway_status(now_ns))
        report = self.site.report.value
        if self.site.report.seq and now_ns - self._last_heartbeat_ns >= HEARTBEAT_NS:
            self._last_heartbeat_ns = now_ns
            beat = (report.stamp_ns, report.nonce, report.epoch)
            self._send(self.down, lambda at_ns: self.page.console.heartbeat(*beat))
        if self.site.report.seq and now_ns - self._last_telemetry_ns >= TELEMETRY_NS:
            self._last_telemetry_ns = now_ns
            self._send_telemetry(now_ns)

    def _send_telemetry(self, now_ns: int) -> None:
        seen = seen_of(self.site.report.value, self.site.servo_report.value)
        stamp_us = self.site.arm.value.force_stamp_ns // 1000
        for due_ns in self.down.deliver(now_ns, CONTROL_BYTES):
            self.clock.at(due_ns, lambda at_ns: self._render(at_ns, stamp_us, seen))

    def _render(self, now_ns: int, stamp_us: int, seen: Seen) -> None:
        self._seen = seen
        self.page.rendered(stamp_us, now_ns)

    def _look(self, now_ns: int, lateness_ns: int) -> None:
        if self._seen is None:
            return
        for act in self.page.look(now_ns, self._seen):
            for due_ns in self.up.deliver(now_ns):
                self.clock.at(due_ns, lambda at_ns, act=act: self._act(act, console=True))  # type: ignore[misc]
        here = seen_of(self.site.report.value, self.site.servo_report.value)
        for act in self.bedside.look(now_ns, here):
            self._act(act, console=False)

    def _act(self, act: Act, *, console: bool) -> None:
        if act.key:
            self.press_key()
        else:
            self.page_event(act.kind, act.arg, console=console)

    def _gateway_status(self, now_ns: int) -> GatewayStatus:
        return GatewayStatus(
            incarnation=self.gateway_incarnation,
            stamp_ns=now_ns,
            console_session=CONSOLE_SESSION,
            console_open=True,
            video_open=True,
            bedside_session=BEDSIDE_SESSION,
            bedside_beat=self.bedside.beat,
            bedside_visible=self.bedside.visible,
            bedside_sound=self.bedside.sound,
            observers=0,
            talk=False,
            lease_changes=0,
            frames_rejected=0,
            links=self.links,
            link_silent_ms=self.link_silent_ms,
        )
