"""The robot's side of the virtual world: arm box, servo and guard, stepped like their processes.

The cores are the real ones; only their shells (mailboxes, files, sockets) are replaced by `Latest`.
Whatever a fault does to a process is done to its task (`pause`, `freeze`) or to what it reads.
"""

from __future__ import annotations

from typing import Generic, TypeVar

from robot_sim.scene import Scene, load_scene
from robot_sim.world import ArmBox
from safety import messages as m
from safety.authentic import KEY_MAGIC, KEY_RECORD, KeyRing
from safety.core import GuardCore
from safety.layout import Layout
from safety.limits import Limits
from safety.states import ArmInterface, Authenticity, EventKind, Source
from teleop.servo.core import ServoCore
from teleop.servo.laws import law_for
from transport.impair import Noise

T = TypeVar("T")
FIRST_EPOCH = 1 << 32
"""What guard's shell makes durable before the first step: the boot counter in the high half."""


def nothing(layout: Layout[T]) -> T:
    """The message of a mailbox that was never written (its sequence is 0)."""
    return layout.unpack(bytes(layout.size))


class Latest(Generic[T]):
    """A mailbox of the virtual world: sequence number and newest value."""

    def __init__(self, empty: T) -> None:
        self.seq = 0
        self.value = empty

    def put(self, value: T) -> None:
        """Replace the value."""
        self.seq += 1
        self.value = value


class RobotSite:
    """Arm box, servo and guard with their channels."""

    def __init__(
        self,
        limits: Limits,
        seed: int,
        interface: ArmInterface = ArmInterface.VELOCITY,
        scene: Scene | None = None,
    ) -> None:
        self._noise = Noise(seed ^ 0x5EED)
        self._limits, self._interface = limits, interface
        self._seed = seed
        self._serial = 0
        self.arm_box = ArmBox(
            scene or load_scene(),
            seed=seed,
            incarnation=1,
            command_silence_ns=round(limits.servo_silent_ms * 1e6),
            enable_silence_ns=round(limits.permit_life_ms * 1e6),
        )
        self.servo = ServoCore(limits, incarnation=2, law=law_for(interface, limits))
        self.guard = GuardCore(limits, simulated=True)
        self.arm = Latest(nothing(m.ARM_STATE))
        self.arm_command = Latest(nothing(m.ARM_COMMAND))
        self.enable = Latest(nothing(m.ENABLE))
        self.permit = Latest(nothing(m.PERMIT))
        self.report = Latest(nothing(m.GUARD_REPORT))
        self.servo_report = Latest(nothing(m.SERVO_REPORT))
        self.gateway = Latest(nothing(m.GATEWAY_STATUS))
        self.media = Latest(nothing(m.MEDIA_STATUS))
        self.frame = Latest(bytes(m.FRAME_BYTES))
        self.stamps: list[m.FrameStamp] = []
        self.events: list[m.GuardEvent] = []
        self.bedside_input = True
        self.supervisor = True
        self._keys = KeyRing()
        self._judged = (0, Authenticity.NO_KEY)
        """Mailbox sequence of the newest frame that was judged, and the judgement."""
        self._durable = FIRST_EPOCH

    def event(self, kind: EventKind, source: Source, now_ns: int, arg: int, session: int) -> None:
        """Hand guard an event, as a datagram would."""
        self._serial += 1
        self.events.append(m.GuardEvent(kind, source, arg, session, now_ns, self._serial))

    def admit(self, session: int, key: bytes) -> None:
        """Guard gets the key of a session, as from the `keys` process."""
        self._keys.put(KEY_RECORD.pack(KEY_MAGIC, session, key))

    def forget_keys(self) -> None:
        """Guard has no keys any more."""
        self._keys = KeyRing()
        self._judged = (0, Authenticity.NO_KEY)

    def step_arm(self, now_ns: int, lateness_ns: int) -> None:
        """One cycle of the arm box."""
        command = self.arm_command.value if self.arm_command.seq else None
        enable = self.enable.value if self.enable.seq else None
        self.arm.put(self.arm_box.step(now_ns, command, enable, self.arm_command.seq))

    def step_guard(self, now_ns: int, lateness_ns: int) -> None:
        """One cycle of guard."""
        out = self.guard.step(self._guard_inputs(now_ns, lateness_ns))
        self._durable = max(self._durable, out.epoch_wanted)
        self.permit.put(out.permit)
        self.enable.put(out.enable)
        self.report.put(out.report)

    def step_servo(self, now_ns: int, lateness_ns: int) -> None:
        """One cycle of servo."""
        inputs = m.ServoInputs(
            now_ns, lateness_ns / 1e3, self.arm.seq, self.arm.value,
            self.permit.seq, self.permit.value,
        )  # fmt: skip
        out = self.servo.step(inputs)
        self.arm_command.put(out.command)
        self.servo_report.put(out.report)

    def restart_servo(self, incarnation: int) -> None:
        """A new servo process."""
        law = law_for(self._interface, self._limits)
        self.servo = ServoCore(self._limits, incarnation=incarnation, law=law)

    def restart_guard(self) -> None:
        """A new guard process, which finds the arm as it is."""
        self.guard = GuardCore(self._limits, simulated=True)
        self._durable = ((self._durable >> 32) + 1) << 32

    def _authenticity(self) -> Authenticity:
        """Judge a new frame, as guard's shell does."""
        if self.frame.seq != self._judged[0]:
            self._judged = (self.frame.seq, self._keys.judge(self.frame.value))
        return self._judged[1]

    def _guard_inputs(self, now_ns: int, lateness_ns: int) -> m.GuardInputs:
        no_stamp = m.FrameStamp(-1, 0, 0, False, -1)
        no_event = m.GuardEvent(EventKind.NONE, Source.BEDSIDE_PAGE, 0, 0, 0, 0)
        stamps, self.stamps = self.stamps[: m.MAX_FRAMES], self.stamps[m.MAX_FRAMES :]
        events, self.events = self.events[: m.MAX_EVENTS], self.events[m.MAX_EVENTS :]
        return m.GuardInputs(
            now_ns=now_ns,
            lateness_us=lateness_ns / 1e3,
            nonce=self._noise.bits() & 0xFFFFFFFF,
            arm_seq=self.arm.seq,
            arm=self.arm.value,
            servo_seq=self.servo_report.seq,
            servo=self.servo_report.value,
            gateway_seq=self.gateway.seq,
            gateway=self.gateway.value,
            media_seq=self.media.seq,
            media=self.media.value,
            frame_seq=self.frame.seq,
            frame=self.frame.value,
            stamps=(*stamps, *[no_stamp] * (m.MAX_FRAMES - len(stamps))),
            events=(*events, *[no_event] * (m.MAX_EVENTS - len(events))),
            bedside_input=self.bedside_input,
            supervisor=self.supervisor,
            epoch_durable=self._durable,
            authenticity=self._authenticity(),
        )
