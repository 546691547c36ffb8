"""Everything GuardCore remembers between steps, in one place, and its exact JSON form."""

from __future__ import annotations

import base64
import dataclasses
import json
import zlib
from collections import deque
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from safety.bedside import BedsidePage, LiftButton, StopButton, StopTest
from safety.consent import Consent
from safety.contact import ContactWatch
from safety.engage import Deadman
from safety.epochs import Epoch
from safety.frames import FrameIndex
from safety.gate import Gate
from safety.layout import Layout
from safety.liveness import Peer
from safety.load import LoadWatch
from safety.machine import Machine
from safety.mark import Mark
from safety.messages import Command
from safety.needle import NeedleWatch
from safety.pose import PoseWatch
from safety.power import Power
from safety.qualify import Qualifier
from safety.stamps import StampTable
from safety.states import Clamp
from safety.supervise import MotionWatch
from safety.watchdog import Bucket, Dwell, Loop, Slots

COMMAND = Layout(Command)
NO_COMMAND = COMMAND.unpack(bytes(COMMAND.size))


@dataclass(slots=True)
class InUse:
    """The command in use: the newest accepted one."""

    valid: bool = False
    """False: none in this console session."""
    command: Command = NO_COMMAND
    accepted_ns: int = 0
    frame_known: bool = False
    """Its frame id was valid."""
    acquired_ns: int = 0
    dwell_ms: float = 0.0
    clamps: Clamp = Clamp.NONE
    haptic_ms: float = -1.0
    waiting: deque[tuple[int, int, int, float]] = field(default_factory=lambda: deque(maxlen=32))
    """(seq, frame id, acquisition ns, dwell ms) of commands that servo has not applied yet."""
    applied_seq: int = -1
    applied_sample_ns: int = 0
    """When servo last confirmed an application."""


@dataclass(slots=True)
class Lease:
    """Which console drives, as the gateway says."""

    session: int = 0
    open: bool = False
    changes: int = 0


@dataclass(slots=True)
class StopMeter:
    """From the order to measured standstill."""

    order_ns: int = 0
    running: bool = False
    stop_ms: float = -1.0
    force_n: float = 0.0


@dataclass(slots=True)
class Memory:
    """All state of the core; every part is a plain dataclass."""

    incarnation: int = 0
    zero_serial: int = 0
    """Force zeros asked for; the arm box carries them out."""
    """Stamp of the first step; 0: not started."""
    last_ns: int = 0
    cycle: int = 0
    events_refused: int = 0
    arm_seq: int = 0
    frame_seq: int = 0
    lapsed_since_ns: int = 0
    """0: servo takes the permit."""
    engaged_ns: int = 0
    recovered_ns: int = 0
    """When DEGRADED was last left upwards; 0: not since the engagement."""
    last_force_n: float = 0.0
    discomfort: bool = False
    shutdown: bool = False
    leaving: bool = False
    """The ordered shutdown has come to rest: the other processes leave now."""
    machine: Machine = field(default_factory=Machine)
    arm: Peer = field(default_factory=Peer)
    servo: Peer = field(default_factory=Peer)
    gateway: Peer = field(default_factory=Peer)
    media: Peer = field(default_factory=Peer)
    epoch: Epoch = field(default_factory=Epoch)
    power: Power = field(default_factory=Power)
    contact: ContactWatch = field(default_factory=ContactWatch)
    motion: MotionWatch = field(default_factory=MotionWatch)
    pose: PoseWatch = field(default_factory=PoseWatch)
    load: LoadWatch = field(default_factory=LoadWatch)
    stamps: StampTable = field(default_factory=StampTable)
    gate: Gate = field(default_factory=Gate)
    frames: FrameIndex = field(default_factory=FrameIndex)
    dwell: Dwell = field(default_factory=Dwell)
    loop: Loop = field(default_factory=Loop)
    slots: Slots = field(default_factory=Slots)
    bucket: Bucket = field(default_factory=Bucket)
    in_use: InUse = field(default_factory=InUse)
    deadman: Deadman = field(default_factory=Deadman)
    lease: Lease = field(default_factory=Lease)
    consent: Consent = field(default_factory=Consent)
    qualifier: Qualifier = field(default_factory=Qualifier)
    mark: Mark = field(default_factory=Mark)
    key: StopButton = field(default_factory=StopButton)
    page_stop: StopButton = field(default_factory=StopButton)
    stop_test: StopTest = field(default_factory=StopTest)
    page: BedsidePage = field(default_factory=BedsidePage)
    lift: LiftButton = field(default_factory=LiftButton)
    stop: StopMeter = field(default_factory=StopMeter)
    needle: NeedleWatch = field(default_factory=NeedleWatch)
    needle_allowed: bool = False
    """The permit of the last step let the needle advance."""


def _out(value: Any) -> Any:
    if isinstance(value, Command):
        return base64.b85encode(COMMAND.pack(value)).decode()
    if dataclasses.is_dataclass(value):
        return [_out(getattr(value, f.name)) for f in dataclasses.fields(value)]
    if isinstance(value, deque):
        # The long tables, squeezed so that a snapshot fits its slot whatever the limits are.
        return base64.b85encode(zlib.compress(json.dumps(list(value)).encode(), 1)).decode()
    return list(value) if isinstance(value, tuple) else value


def _in(data: Any, like: Any) -> Any:
    """Rebuild a value of the type of `like` (a freshly made default)."""
    if isinstance(like, Command):
        return COMMAND.unpack(base64.b85decode(data))
    if dataclasses.is_dataclass(like) and not isinstance(like, type):
        names = [f.name for f in dataclasses.fields(like)]
        parts = {n: _in(d, getattr(like, n)) for n, d in zip(names, data, strict=True)}
        return type(like)(**parts)
    if isinstance(like, deque):
        items = json.loads(zlib.decompress(base64.b85decode(data)))
        return deque((tuple(item) for item in items), maxlen=like.maxlen)
    if isinstance(like, tuple):
        return tuple(data)
    return type(like)(data) if isinstance(like, IntEnum | Clamp) else data


def dump(memory: Memory) -> bytes:
    """Return `memory` as JSON; floats keep every bit (shortest exact form, NaN too)."""
    return json.dumps(_out(memory), separators=(",", ":")).encode()


def load(data: bytes) -> Memory:
    """Return the memory in `data`; ValueError: not a snapshot of this version."""
    try:
        memory = _in(json.loads(data), Memory())
    except (TypeError, AttributeError, LookupError, zlib.error) as error:
        raise ValueError(f"not a snapshot of this version: {error}") from error
    assert isinstance(memory, Memory)
    return memory
