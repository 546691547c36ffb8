"""A gateway process in a made-up world: fake guard, arm and media, real clients."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import msgspec

from safety import messages as m
from safety.limits import Limits, limits_hash
from safety.states import (
    Alarm,
    Cause,
    Clamp,
    Contact,
    Instrument,
    NeedlePlan,
    PermitKind,
    State,
    Step,
)
from teleop import channels
from teleop.config import Config, Network, write_run
from transport import schema as s
from transport.binding import digest, offer_text
from transport.identity import DeviceKey, encode
from transport.local.clock import now_ns
from transport.local.datagram import DatagramReceiver
from transport.repeat import unmarked
from transport.webrtc.data import DataClient

CODES = {"console": ["CNSL-2345", "CNSL-6789"], "bedside": "BEDS-2345", "observer": "OBSV-2345"}
WAIT_S = 90.0
"""Long enough for a busy machine; every wait ends by an event, never by this time."""
Message = TypeVar("Message")

_decode = msgspec.json.Decoder(s.FromServer).decode


def report_of(state: State = State.IDLE, **changes: Any) -> m.GuardReport:
    """A guard report of now."""
    now = now_ns()
    base = m.GuardReport(
        incarnation=1, stamp_ns=now, nonce=now & 0xFFFFFFFF, cycle=1, state=state, since_ns=now,
        first_out=Cause.NONE, causes=0, live_causes=0, alarm=Alarm.NONE, step=Step.JOIN_BEDSIDE,
        epoch=7, engagement=0, permit=PermitKind.NONE, v_max_m_s=0.0, f_max_n=0.0,
        contact=Contact.NONE, instrument=Instrument.PROBE, clamps=Clamp.NONE, age_ms=-1.0,
        loop_ms=-1.0, image_ms=-1.0, haptic_ms=-1.0, slots_missed=0, bucket_ms=0.0, qualified=0.5,
        mark=-1, mark_ok=False, stop_tested=False, bedside_input=True, bedside_page=False,
        consent=False, consent_until_ns=0, acknowledged=False, deadman=False, session=0,
        commands_accepted=0, commands_rejected=0, last_rejection=0,
        limits_hash=limits_hash(Limits()), limits_widened=False, simulated=True, lateness_us=5.0,
        compute_us=100.0, overruns=0, braked=True, at_rest=True, powered=True, force_n=0.0,
        stop_ms=-1.0, stop_force_n=0.0, needle_plan=NeedlePlan.NONE,
        needle_goal_m=0.0, needle_advance=False, needle_attempts=0,
    )  # fmt: skip
    return replace(base, **changes)


def arm_of(**changes: Any) -> m.ArmState:
    """An arm state of now."""
    now = now_ns()
    base = m.ArmState(
        incarnation=1, stamp_ns=now, q_rad=(0.1,) * 7, qd_rad_s=(0.0,) * 7,
        base_p_probe_m=(0.58, 0.0, 0.22), base_q_probe=(1.0, 0.0, 0.0, 0.0),
        base_v_probe_m_s=(0.0,) * 3, base_w_probe_rad_s=(0.0,) * 3, force_n=(0.1, 0.2, 4.5),
        torque_nm=(0.0,) * 3, force_stamp_ns=now, force_valid=True, powered=True, braked=True,
        enabled=True, needle_depth_m=float("nan"), challenge=1, command_trips=0, enable_trips=0,
        applied_seq=0, simulated=True, surface_depth_m=0.0, contact_force_n=0.0,
        needle_v_m_s=0.0, needle_force_n=0.0, needle_entry_m=0.0, needle_tip_m=(0.0, 0.0, 0.0),
        zero_serial=0, zero_ok=True,
    )  # fmt: skip
    return replace(base, **changes)


@dataclass
class World:
    """Run folder, fake guard (a thread) and what it received."""

    run_dir: Path
    changes: dict[str, Any] = field(default_factory=dict)
    """Fields of the guard report that differ from the default."""
    guard_silent: bool = False
    _stop: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.run_dir.mkdir(parents=True, exist_ok=True)
        channels.create_all(self.run_dir)
        write_run(self.run_dir, Config(network=Network(port=0, repeat_after_ms=2.0)))
        (self.run_dir / "site.json").write_text('{"simulated": true, "site": "test", "boot": 1}')
        (self.run_dir / "join.json").write_text(json.dumps(CODES))
        self.events = DatagramReceiver(self.run_dir / channels.GUARD_EVENTS)
        self.status_box = channels.box(self.run_dir, channels.GATEWAY_STATUS)
        self.frame_box = channels.raw_box(self.run_dir, channels.COMMAND_FRAME)
        self._report = channels.box(self.run_dir, channels.GUARD_REPORT)
        self._arm = channels.box(self.run_dir, channels.ARM_STATE)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.wait(0.003):
            if not self.guard_silent:
                self._report.write(report_of(**self.changes))
            self._arm.write(arm_of())

    def status(self) -> m.GatewayStatus:
        """What the gateway tells guard."""
        item = self.status_box.read()
        assert item is not None
        status: m.GatewayStatus = item[1]
        return status

    def events_now(self) -> list[m.GuardEvent]:
        """Events that arrived."""
        return [m.GUARD_EVENT.unpack(raw) for raw in self.events.receive()]

    def close(self) -> None:
        """Stop the fake guard."""
        self._stop.set()
        self._thread.join()
        self.events.close()


@dataclass
class Process:
    """The real gateway."""

    world: World
    popen: subprocess.Popen[bytes]
    life: int
    """Write end of the life pipe."""
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def kill(self) -> None:
        self.popen.kill()
        self.popen.wait()
        with contextlib.suppress(OSError):
            os.close(self.life)

    def terminate(self) -> int:
        self.popen.send_signal(signal.SIGTERM)
        return self.popen.wait(WAIT_S)


async def start(world: World, config: Config | None = None, keep_where: bool = False) -> Process:
    """Start the gateway and wait until it listens."""
    if config is not None:
        write_run(world.run_dir, config)
    where = world.run_dir / "gateway.json"
    before = where.stat().st_mtime_ns if keep_where else None
    if not keep_where:
        where.unlink(missing_ok=True)
    read_end, write_end = os.pipe()
    command = [sys.executable, "-m", "teleop.gateway", "--run", str(world.run_dir)]
    popen = subprocess.Popen(
        [*command, "--life", str(read_end)], pass_fds=[read_end], stderr=subprocess.PIPE
    )
    os.close(read_end)
    while not where.exists() or where.stat().st_mtime_ns == before:
        assert popen.poll() is None, popen.stderr.read() if popen.stderr else b""
        await asyncio.sleep(0.02)
    return Process(world, popen, write_end, json.loads(where.read_text())["port"])


async def until(condition: Any, what: str = "") -> Any:
    """Wait until `condition()` is true; its value."""
    async with asyncio.timeout(WAIT_S):
        while not (value := condition()):
            await asyncio.sleep(0.005)
    return value


class Client:
    """A page, as a native program."""

    def __init__(self, session: aiohttp.ClientSession, process: Process) -> None:
        self._http = session
        self._process = process
        self.key = DeviceKey()
        self.welcome: s.Welcome | None = None
        self.status: s.Telemetry | None = None
        self.inbox: list[Any] = []

    async def connect(self) -> s.Challenge:
        self.ws = await self._http.ws_connect(f"{self._process.url}/ws")
        challenge = await self.next(s.Challenge)
        self.nonce = challenge.nonce
        return challenge

    def proven(self, offer: s.Offer) -> s.Offer:
        """The offer with this device's signature."""
        assert self.welcome is not None
        role, link = self.welcome.role, offer.link
        text = offer_text(
            self.nonce, self.welcome.session, role, offer.peer, link, digest(offer.sdp)
        )
        return msgspec.structs.replace(offer, proof=encode(self.key.sign_bytes(text)))

    async def send(self, message: Any) -> None:
        if isinstance(message, s.Offer) and self.welcome is not None and not message.proof:
            message = self.proven(message)
        await self.ws.send_str(msgspec.json.encode(message).decode())

    async def receive(self) -> Any:
        """The next message; None when the socket was closed."""
        async with asyncio.timeout(WAIT_S):
            raw = await self.ws.receive()
        if raw.type is not aiohttp.WSMsgType.TEXT:
            return None
        message = _decode(raw.data)
        if isinstance(message, s.Status):
            self.status = message.telemetry
        return message

    async def next(self, kind: type[Message], /, **wanted: Any) -> Message:
        """The next message of this kind with these fields; others are kept in `inbox`."""
        while True:
            message = await self.receive()
            assert message is not None, f"closed while waiting for {kind.__name__}; {self.inbox}"
            if isinstance(message, kind) and all(
                getattr(message, name) == value for name, value in wanted.items()
            ):
                return message
            self.inbox.append(message)

    async def hello(self, *, code: str = "", token: str = "", **other: Any) -> None:
        fields: dict[str, Any] = {
            "version": s.PROTOCOL_VERSION,
            "device_key": self.key.public,
            "signature": self.key.sign(self.nonce, code or token),
            "code": code,
            "token": token,
        }
        await self.send(s.Hello(**(fields | other)))

    async def join(self, code: str = "", token: str = "") -> s.Welcome:
        await self.connect()
        await self.hello(code=code, token=token)
        self.welcome = await self.next(s.Welcome)
        return self.welcome

    async def open_data(self) -> Data:
        data = Data()
        await self.send(s.Offer(peer="command", sdp=await data.client.offer()))
        answer = await self.next(s.Answer, peer="command")
        await data.client.accept(answer.sdp)
        async with asyncio.timeout(WAIT_S):
            await data.client.opened()
        return data


class Data:
    """A console's data connection and what came over it."""

    def __init__(self) -> None:
        self.heartbeats: list[tuple[int, ...]] = []
        self.telemetry: list[s.Telemetry] = []
        self.client = DataClient(self._beat, self._telemetry)

    def _beat(self, data: bytes) -> None:
        beat, again = unmarked(data, s.HEARTBEAT.size)
        if not again:
            self.heartbeats.append(s.HEARTBEAT.unpack(beat))

    def _telemetry(self, data: bytes) -> None:
        self.telemetry.append(msgspec.msgpack.decode(data, type=s.Telemetry))


@contextlib.contextmanager
def world_in(tmp_path: Path) -> Iterator[World]:
    """A world in a run folder."""
    world = World(tmp_path / "run")
    try:
        yield world
    finally:
        world.close()


@contextlib.contextmanager
def uplink(world: World) -> Iterator[subprocess.Popen[bytes]]:
    """A running uplink of the same run."""
    command = [sys.executable, "-m", "teleop.uplink", "--run", str(world.run_dir)]
    with subprocess.Popen(command) as process:
        try:
            yield process
        finally:
            process.kill()


@contextlib.asynccontextmanager
async def running(world: World, config: Config | None = None) -> AsyncIterator[Process]:
    """A running gateway."""
    process = await start(world, config)
    try:
        yield process
    finally:
        process.kill()
        if process.popen.stderr:
            process.popen.stderr.close()
