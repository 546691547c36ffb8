"""Collects the GuardInputs of one step from mailboxes, rings, datagrams and the bedside input."""

from __future__ import annotations

import os
from collections import deque
from pathlib import Path
from typing import Generic, TypeVar

from safety import messages as m
from safety.layout import Layout, LayoutError
from safety.states import EventKind, Source
from teleop import channels
from teleop.guard.bedside import BedsideInput
from teleop.guard.epoch_store import EpochStore
from teleop.guard.frames import CommandFrames
from teleop.guard.keypipe import KeyPipe
from transport.local.datagram import DatagramReceiver

T = TypeVar("T")
NO_STAMP = m.FrameStamp(-1, 0, 0, False, -1)
NO_EVENT = m.GuardEvent(EventKind.NONE, Source.BEDSIDE_PAGE, 0, 0, 0, 0)
WAITING_EVENTS = 256
URGENT = (EventKind.STOP, EventKind.ESTOP)
RANDOM_BYTES = 4096


class Newest(Generic[T]):
    """Newest message of a mailbox, decoded once; sequence 0 until there is one."""

    def __init__(self, run_dir: Path, channel: channels.Channel) -> None:
        assert channel.layout is not None
        self._layout: Layout[T] = channel.layout
        self._box = channels.raw_box(run_dir, channel)
        self.seq = 0
        self.value: T = self._layout.unpack(bytes(self._layout.size))
        self.broken = 0

    def look(self) -> None:
        """Take what is new. What cannot be decoded is counted; the old value ages."""
        item = self._box.read_newer(self.seq)
        if item is None:
            return
        try:
            self.value = self._layout.unpack(item[1])
            self.seq = item[0]
        except LayoutError:
            self.broken += 1


class Nonces:
    """Unpredictable 32-bit numbers, drawn from the system in blocks."""

    def __init__(self) -> None:
        self._block = b""

    def take(self) -> int:
        """The next number."""
        if len(self._block) < 4:
            self._block = os.urandom(RANDOM_BYTES)
        value, self._block = self._block[:4], self._block[4:]
        return int.from_bytes(value, "little")


class Events:
    """Events from datagrams and the bedside input, stops first, bounded."""

    def __init__(self, path: Path) -> None:
        self._receiver = DatagramReceiver(path, limit=m.GUARD_EVENT.size + 1)
        self._waiting: deque[m.GuardEvent] = deque()
        self.refused = 0
        """Datagrams that were no event, or more than fit."""

    def receive(self) -> None:
        """Take waiting datagrams."""
        for data in self._receiver.receive():
            try:
                event = m.GUARD_EVENT.unpack(data)
            except LayoutError:
                self.refused += 1
                continue
            if event.source == Source.BEDSIDE_KEY:
                self.refused += 1  # only guard itself speaks for its own key
            else:
                self.put(event)

    def put(self, event: m.GuardEvent) -> None:
        """Queue one event."""
        if event.kind in URGENT:
            self._waiting.appendleft(event) if not self._urgent_waits() else self._after(event)
        elif len(self._waiting) < WAITING_EVENTS:
            self._waiting.append(event)
        else:
            self.refused += 1

    def _urgent_waits(self) -> bool:
        return bool(self._waiting) and self._waiting[0].kind in URGENT

    def _after(self, event: m.GuardEvent) -> None:
        """Behind the stops that wait already: press and release keep their order."""
        index = sum(1 for waiting in self._waiting if waiting.kind in URGENT)
        self._waiting.insert(index, event)

    def take(self) -> tuple[m.GuardEvent, ...]:
        """The events of this step."""
        found = [self._waiting.popleft() for _ in range(min(m.MAX_EVENTS, len(self._waiting)))]
        return (*found, *(NO_EVENT,) * (m.MAX_EVENTS - len(found)))

    def close(self) -> None:
        """Close the socket."""
        self._receiver.close()


class Collector:
    """Everything that comes in."""

    def __init__(
        self, run_dir: Path, bedside: BedsideInput, store: EpochStore, keys: KeyPipe
    ) -> None:
        self.arm: Newest[m.ArmState] = Newest(run_dir, channels.ARM_STATE)
        self._servo: Newest[m.ServoReport] = Newest(run_dir, channels.SERVO_REPORT)
        self._gateway: Newest[m.GatewayStatus] = Newest(run_dir, channels.GATEWAY_STATUS)
        self._media: Newest[m.MediaStatus] = Newest(run_dir, channels.MEDIA_STATUS)
        self._frames = CommandFrames(run_dir, keys.judge)
        self._stamps = channels.ring_reader(run_dir, channels.FRAME_STAMPS, from_oldest=False)
        self.events = Events(run_dir / channels.GUARD_EVENTS)
        self._bedside = bedside
        self._store = store
        self._nonces = Nonces()
        self.serial = 0

    def own_event(self, kind: EventKind, source: Source, arg: int, now_ns: int) -> None:
        """Queue an event that guard itself observed."""
        self.serial += 1
        self.events.put(m.GuardEvent(kind, source, arg, 0, now_ns, self.serial))

    def collect(self, now_ns: int, lateness_us: float, supervisor: bool) -> m.GuardInputs:
        """Read everything once."""
        for kind, arg in self._bedside.poll(now_ns):
            self.own_event(kind, Source.BEDSIDE_KEY, arg, now_ns)
        self.events.receive()
        boxes = (self.arm, self._servo, self._gateway, self._media)
        for box in boxes:
            box.look()
        return m.GuardInputs(
            now_ns=now_ns,
            lateness_us=lateness_us,
            nonce=self._nonces.take(),
            arm_seq=self.arm.seq,
            arm=self.arm.value,
            servo_seq=self._servo.seq,
            servo=self._servo.value,
            gateway_seq=self._gateway.seq,
            gateway=self._gateway.value,
            media_seq=self._media.seq,
            media=self._media.value,
            frame_seq=self._frames.look(),
            frame=self._frames.data,
            stamps=self._new_stamps(),
            events=self.events.take(),
            bedside_input=self._bedside.present,
            supervisor=supervisor,
            epoch_durable=self._store.durable,
            authenticity=self._frames.authenticity,
        )

    def _new_stamps(self) -> tuple[m.FrameStamp, ...]:
        found = []
        for _, data in self._stamps.read(m.MAX_FRAMES):
            try:
                found.append(m.FRAME_STAMP.unpack(data))
            except LayoutError:
                self.events.refused += 1
        return (*found, *(NO_STAMP,) * (m.MAX_FRAMES - len(found)))

    def close(self) -> None:
        """Close what is open."""
        self.events.close()
        self._bedside.close()
