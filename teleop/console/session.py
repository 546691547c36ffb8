"""One session of the native console: network on one side, haptic loop and window on the other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from haptics.bilateral.choice import Coupling
from haptics.bilateral.mapping import Block
from safety.states import State
from teleop.console.child import LoopProcess
from teleop.console.errors import KeyRefusedError, LoopError
from teleop.console.felt import FeltScore, Traffic
from teleop.console.messages import (
    HAND_FILE,
    HAND_SIDE,
    PERSON_FILE,
    ROBOT_FILE,
    ROBOT_SIDE,
    SIM_PERSON,
    HandSide,
    SimPerson,
)
from teleop.console.notices import Notices
from teleop.console.person import Person
from teleop.console.view import (
    NOTHING_SHOWN,
    Beat,
    Composer,
    LinkMeter,
    block_of,
    robot_side,
    shown_of,
)
from teleop.console.window import Window
from teleop.scripted.audit import AuditTalk
from teleop.scripted.client import ClientError, Door, PageClient
from teleop.scripted.eyes import Eyes
from teleop.scripted.link import ConsoleLink, every
from teleop.scripted.nurse import seen_of
from teleop.scripted.persons import Act
from teleop.tasks import end_tasks
from transport.force_frame import ForceFrame, ForceFrameError, unpack
from transport.identity import DeviceKey
from transport.local.clock import now_ns
from transport.local.mailbox import Mailbox, create
from transport.schema import HEARTBEAT, HEARTBEAT_MAGIC, Refused, Role, Signal, Telemetry, Welcome

COMMAND_NS = 5_000_000
LOOK_S = 0.01
TELL_S = 0.1
SEQ_PER_NS = 1000
"""The first sequence number is the clock's microsecond: newer than an earlier console's."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line asked for."""

    handle: str
    motion_scale: float
    force_scale: float
    run_dir: Path
    """Run folder of a demo on this machine; used when `door` is None."""
    door: Door | None = None
    device: DeviceKey | None = None
    """This machine's key; None: a new one."""
    audit: Path | None = None
    """Folder of this console's audit log; None: it keeps none."""
    auto_s: float = 0.0
    """Simulated person: how long to work; 0: a person holds the handle."""


def first_cause(failure: BaseException) -> BaseException:
    """The failure itself, or the first of a group of tasks that failed together."""
    while isinstance(failure, BaseExceptionGroup):
        failure = failure.exceptions[0]
    return failure


class HandleSession:
    """Joins, couples, shows; ends with `close`."""

    def __init__(self, options: Options, folder: Path) -> None:
        """`folder`: private working folder for the mailboxes."""
        for name, layout in (
            (ROBOT_FILE, ROBOT_SIDE), (HAND_FILE, HAND_SIDE), (PERSON_FILE, SIM_PERSON),
        ):  # fmt: skip
            create(folder / name, layout.size)
        self._to_loop = Mailbox(folder / ROBOT_FILE, ROBOT_SIDE)
        self._from_loop = Mailbox(folder / HAND_FILE, HAND_SIDE)
        self._to_person = Mailbox(folder / PERSON_FILE, SIM_PERSON)
        self._options, self._folder = options, folder
        self.audit = AuditTalk(options.audit) if options.audit is not None else None
        self.link = ConsoleLink(
            lambda take: PageClient(
                options.run_dir, Role.CONSOLE, take, options.door, options.device
            ),
            self._on_heartbeat, self._on_telemetry, self._on_force, self._on_message,
        )  # fmt: skip
        self.window = Window(self._on_seen, self._on_window_event)
        self.person = Person() if options.auto_s > 0.0 else None
        self.meter = LinkMeter()
        self.telemetry: Telemetry | None = None
        self.force: ForceFrame | None = None
        self.hand: HandSide | None = None
        self.unreadable = 0
        self.felt = FeltScore(options.force_scale)
        self.notices = Notices()
        self._key_refused = ""
        self._commands = self._force_frames = 0
        self._first_ns = 0
        self._force_ns = 0
        self._seen_ns = 0
        self._eyes = Eyes()
        self._shown = NOTHING_SHOWN
        self._composer: Composer | None = None
        self._decoder = msgspec.msgpack.Decoder(Telemetry)
        self._tasks: list[asyncio.Task[None]] = []
        self._leg_limit_ms = 0.0
        self._stale_ns = 0
        self._process: LoopProcess | None = None
        self._events: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Join, start the haptic loop, open the connections."""
        welcome = await self.link.join()
        if not welcome.lease:
            raise ClientError("another console drives: close it first, or ask for the lease there")
        self._take_welcome(welcome)
        self._process = LoopProcess(self._options, self._folder)
        if self.person is None:
            await self.window.start()
        loops: tuple[Callable[[], object], ...] = (
            self.link.keep_open, self._send_loop, self._look_loop, self._tell_loop,
        )  # fmt: skip
        self._tasks = [asyncio.create_task(loop()) for loop in loops]  # type: ignore[arg-type]
        if self.audit is not None:
            self._tasks.append(asyncio.create_task(self.audit.run(self.link.page)))

    async def close(self) -> None:
        """Let go of everything."""
        if self._process is not None:
            self._process.end()  # first: no force is rendered while connections close
        await end_tasks((*self._tasks, *self._events))
        await self.window.close()
        await self.link.close()
        if self.audit is not None:
            self.audit.close()

    def check(self) -> None:
        """Raise what ended a part of the session, and note what the person must know."""
        for task in self._tasks:
            if task.done() and not task.cancelled():
                failure = task.exception()
                if failure is not None:
                    raise first_cause(failure)
        if self._process is not None and self._process.ended():
            raise LoopError(f"the haptic loop ended: {self._process.last_words()}")
        key = self.link.page.command_key
        refused = key.problem or self._key_refused
        if refused and not key.agreements:
            raise KeyRefusedError(refused)
        self._note_troubles()

    def _note_troubles(self) -> None:
        if self.hand is not None and self.hand.reason is Block.HANDLE and self._process is not None:
            self.notices.say("handle", "handle.failed", problem=self._process.last_words())
        if self.block() is not Block.PATH:
            self.notices.over("link", "handle.link_back")
        elif self.link.heard_ns or self.link.problem:
            self.notices.say("link", "handle.link_lost", problem=self.link.problem or "-")

    def _on_message(self, message: Signal) -> None:
        if self.audit is not None:
            self.audit.message(message)
        if not isinstance(message, Refused):
            return
        if message.reason == "key_refused" and not self.link.page.command_key.agreements:
            self._key_refused = message.detail
            return
        key = f"refused.{message.reason}"
        self.notices.say(key, key, detail=message.detail)

    def coupling(self) -> Coupling:
        """The coupling that is felt now."""
        chosen = self.meter.choice.coupling
        if chosen is Coupling.REFLECTION and self.hand is not None and not self.hand.reflecting:
            return Coupling.MODEL
        return chosen

    def _take_welcome(self, welcome: Welcome) -> None:
        first = now_ns() // SEQ_PER_NS
        self._composer = Composer(welcome.session, welcome.limits_hash, first)
        self._leg_limit_ms = welcome.limits.get("haptic_ms", 50.0)
        self._stale_ns = round(welcome.limits.get("image_stale_ms", 150.0) * 1e6)

    def _on_heartbeat(self, data: bytes) -> None:
        if len(data) != HEARTBEAT.size or self._composer is None:
            self.unreadable += 1
            return
        magic, _, stamp_ns, nonce, epoch = HEARTBEAT.unpack(data)
        if magic != HEARTBEAT_MAGIC:
            self.unreadable += 1
            return
        self.link.heard_ns = now_ns()
        self._composer.beat(Beat(self.link.heard_ns, stamp_ns, nonce, epoch))

    def _on_telemetry(self, data: bytes) -> None:
        try:
            telemetry = self._decoder.decode(data)
            self._shown = shown_of(telemetry)
            self.felt.told(telemetry, deadman=self.hand is not None and self.hand.deadman)
            if self.audit is not None:
                self.audit.telemetry(telemetry)
        except (msgspec.MsgspecError, ValueError):
            self.unreadable += 1
            return
        self.telemetry = telemetry
        lag_ms = self.hand.lag_s * 1e3 if self.hand is not None else 0.0
        self.meter.age(now_ns(), telemetry.age_ms, lag_ms)

    def _on_force(self, data: bytes) -> None:
        try:
            frame = unpack(data)
        except ForceFrameError:
            self.unreadable += 1
            return
        self.meter.frame(frame.number)
        self._force_frames += 1
        newer = self.force is None or frame.stamp_ns > self.force.stamp_ns
        restarted = self.force is not None and frame.number < self.force.number - 1000
        if newer or restarted:
            self.force, self._force_ns = frame, now_ns()
            self._tell_loop_now()

    def _on_seen(self, frame_id: int) -> None:
        self._seen_ns = now_ns()
        if self._composer is not None:
            self._composer.seen(frame_id, self._seen_ns)

    def _on_window_event(self, name: str, arg: int) -> None:
        if name not in ("MARK_ANSWER", "ACKNOWLEDGE"):
            self.unreadable += 1
            return
        if self.audit is not None:
            self.audit.acted(name, arg)
        task = asyncio.create_task(self.link.page.event(name, arg))
        self._events.add(task)
        task.add_done_callback(self._events.discard)

    def block(self) -> Block:
        """What forbids driving now."""
        return block_of(now_ns(), self.link.heard_ns, self._seen_ns, self._stale_ns)

    def _tell_loop_now(self) -> None:
        at_ns = now_ns()
        side = robot_side(
            at_ns, self.force, self._force_ns, self._shown, self.meter.coupling(at_ns),
            self.block(), self._leg_limit_ms, self.meter.lag_max_s(at_ns),
        )  # fmt: skip
        self._to_loop.write(side)

    async def _send_loop(self) -> None:
        await every(COMMAND_NS, self._send)

    def _send(self, _late_ns: int) -> None:
        self._tell_loop_now()
        newest = self._from_loop.read()
        if newest is None or self._composer is None:
            return
        self.hand = newest[1]
        at_ns = now_ns()
        self.felt.add(at_ns, self.hand, self.force, self.coupling())
        data = self._composer.compose(self.hand, at_ns)
        if data is not None:
            self._first_ns = self._first_ns or at_ns
            self._commands += 1
            self.link.send(data)

    async def _look_loop(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            picture = self.link.picture()
            if self.person is None:
                await self.window.show(picture)
                continue
            self._eyes.look(picture, scanning=False)
            if picture is not None:  # the simulated person sees every decoded picture
                self._seen_ns = picture.decoded_ns
                if self._composer is not None:
                    self._composer.seen(picture.rtp_timestamp, picture.decoded_ns)
            await self._decide(self.person)

    async def _decide(self, person: Person) -> None:
        if self.telemetry is None:
            return
        acts: tuple[Act, ...] = ()
        if self.block() is not Block.NONE:
            means: SimPerson = person.let_go()
        else:
            means, acts = person.look(now_ns(), seen_of(self.telemetry), self._eyes.mark)
        self._to_person.write(means)
        for act in acts:
            await self.link.page.event(act.kind.name, act.arg)

    def traffic(self) -> Traffic:
        """What went over the link since the first command."""
        seconds = (now_ns() - self._first_ns) / 1e9 if self._first_ns else 0.0
        return Traffic(
            seconds, self._commands, self._force_frames, self.meter.loss, self.unreadable
        )

    async def _tell_loop(self) -> None:
        while True:
            await asyncio.sleep(TELL_S)
            await self.window.tell(self.status())

    def status(self) -> dict[str, object]:
        """What the window and the status line show."""
        t, hand = self.telemetry, self.hand
        return {
            "state": int(t.state) if t else int(State.INIT),
            "first_out": int(t.first_out) if t else 0,
            "step": int(t.step) if t else 0,
            "mark_shown": bool(t and t.mark_shown and not t.mark_ok),
            "force_n": t.force_n if t and t.force_n > -100.0 else None,
            "felt_n": hand.felt_n if hand else 0.0,
            "coupling": self.coupling().name,
            "rtt_ms": self.meter.rtt_ms(now_ns()),
            "loop_ms": t.loop_ms if t else -1.0,
            "haptic_ms": t.haptic_ms if t else -1.0,
            "block": (hand.reason if hand else Block.PATH).name,
        }
