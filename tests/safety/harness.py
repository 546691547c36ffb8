"""A healthy world in virtual time that fabricates GuardInputs, so that single faults can be put in.

The rig plays arm box, servo, gateway, media, a nurse and an expert. Everything is deterministic.
"""

from __future__ import annotations

import copy
import math
import random
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

from safety import messages as m
from safety.core import GuardCore
from safety.frame import FLAG_DEADMAN, SafetyFrame, pack
from safety.limits import Limits, limits_hash
from safety.states import (
    Authenticity,
    EventKind,
    Instrument,
    PermitKind,
    Source,
    State,
)

MS = 1_000_000
S = 1_000_000_000
CONSOLE = 7
hash_of = cache(limits_hash)
BEDSIDE = 9
BOOT = 3 << 32
NO_FRAME = m.FRAME_STAMP.unpack(bytes(m.FRAME_STAMP.size))
NO_FRAME = replace(NO_FRAME, rtp_timestamp=-1)
NO_EVENT = m.GUARD_EVENT.unpack(bytes(m.GUARD_EVENT.size))
FORCE_RISE_N = 0.3
FORCE_FALL_N = 3.5
"""In one arm cycle of 2 ms; below `Limits.force_rate_n_s` and below `Limits.force_step_n`."""
DOWN_Q = (1.0, 0.0, 0.0, 0.0)  # probe z points down


def arm_state(now: int) -> m.ArmState:
    blank = m.ARM_STATE.unpack(bytes(m.ARM_STATE.size))
    return replace(
        blank,
        incarnation=1,
        stamp_ns=now,
        base_p_probe_m=(0.58, 0.0, 0.22),
        base_q_probe=DOWN_Q,
        force_valid=True,
        force_stamp_ns=now,
        simulated=True,
    )


class Rig:
    """`step` advances one guard cycle; attributes are knobs for faults."""

    def __init__(
        self,
        limits: Limits | None = None,
        *,
        period_ms: float = 2.0,
        seed: int = 1,
        start_ns: int = 10_000 * S,
        simulated: bool = True,
        display_lag_ms: float = 0.0,
    ) -> None:
        self.limits = limits or Limits()
        self.core = GuardCore(self.limits, simulated=simulated, display_lag_ms=display_lag_ms)
        self.period = int(period_ms * MS)
        self.rng = random.Random(seed)
        self.now = start_ns
        self.out: m.GuardOutputs | None = None
        self.inputs: m.GuardInputs | None = None
        self.history: list[m.GuardInputs] | None = None
        # arm
        self.arm = arm_state(self.now)
        self.arm_seq = 0
        self.arm_alive = True
        self.arm_obeys_brake = True
        self.force_n = 0.0
        self._felt_n = 0.0
        self.noise = True
        self.speed = 0.0
        # servo
        self.servo = m.SERVO_REPORT.unpack(bytes(m.SERVO_REPORT.size))
        self.servo = replace(self.servo, incarnation=1)
        self.servo_seq = 0
        self.servo_alive = True
        self.servo_applies = True
        # gateway
        self.gateway = m.GATEWAY_STATUS.unpack(bytes(m.GATEWAY_STATUS.size))
        self.gateway = replace(self.gateway, incarnation=1)
        self.gateway_seq = 0
        self.gateway_alive = True
        self.bedside_beats = True
        self.beat_due = self.now
        # media
        self.media = m.MEDIA_STATUS.unpack(bytes(m.MEDIA_STATUS.size))
        self.media = replace(self.media, incarnation=1, live=True, fps=30.0)
        self.media_seq = 0
        self.media_alive = True
        self.content_moves = True
        self.frame_due = self.now
        self.rtp = 1000
        self.content = 1
        self.shown: deque[tuple[int, int]] = deque()  # (rtp, acquired), newest last
        self.picture_delay_ms = 20.0
        # console
        self.console_alive = True
        self.command_due = self.now
        self.link_ms = 4.0
        self.seq = 0
        self.deadman = False
        self.edges = 0
        self.mode = 0
        self.hand_p = (0.0, 0.0, 0.0)
        self.hand_v = (0.0, 0.0, 0.0)
        self.force_ref = 5.0
        self.needle_v = 0.0
        self.heard: deque[tuple[int, int, int]] = deque()  # (arrives, stamp, nonce)
        self.echo = (0, 0)
        self.console_epoch = 0
        self.uplink: deque[tuple[int, bytes]] = deque()
        self.frame_seq = 0
        self.frame = bytes(m.FRAME_BYTES)
        self.mangle: Callable[[SafetyFrame], SafetyFrame] = lambda frame: frame
        # rest
        self.events: list[m.GuardEvent] = []
        self.bedside_input = True
        self.supervisor = True
        self.authenticity = Authenticity.GENUINE
        self.epoch_store = True
        self.epoch_durable = BOOT

    # --- what the world does in one cycle

    def _arm(self) -> None:
        if not self.arm_alive:
            return
        enable = self.out.enable if self.out else None
        power = bool(enable and enable.power)
        brake = bool(enable is None or enable.brake)
        braked = (brake or not power) and self.arm_obeys_brake

        def noise() -> float:
            return self.rng.gauss(0.0, 0.02) if self.noise else 0.0

        self.arm = replace(
            self.arm,
            stamp_ns=self.now,
            powered=power,
            braked=braked,
            enabled=enable is not None,
            force_n=(noise(), noise(), self._feel() + noise()),
            force_stamp_ns=self.now - 3 * MS,
            base_v_probe_m_s=(self.speed, 0.0, 0.0),
            base_p_probe_m=(
                self.arm.base_p_probe_m[0] + self.speed * self.period / S,
                *self.arm.base_p_probe_m[1:],
            ),
            challenge=self.rng.getrandbits(32),
        )
        self.arm_seq += 1

    def _feel(self) -> float:
        """Force changes no faster than a gentle arm on tissue makes it, so that nothing trips."""
        if math.isfinite(self.force_n) and math.isfinite(self._felt_n):
            low, high = self._felt_n - FORCE_FALL_N, self._felt_n + FORCE_RISE_N
            self._felt_n = min(max(self.force_n, low), high)
        else:
            self._felt_n = self.force_n
        return self._felt_n

    def _servo(self) -> None:
        if not self.servo_alive:
            return
        report = replace(self.servo, stamp_ns=self.now)
        if self.out is not None:
            p = self.out.permit
            report = replace(report, permit_epoch=p.epoch, permit_kind=p.kind)
            new = p.command.seq != report.command_seq
            if self.servo_applies and p.kind == PermitKind.OPERATE and new:
                report = replace(report, command_seq=p.command.seq, applied_ns=self.now)
        self.servo = report
        self.servo_seq += 1

    def _gateway(self) -> None:
        if not self.gateway_alive:
            return
        if self.bedside_beats and self.now >= self.beat_due:
            self.beat_due += 100 * MS
            self.gateway = replace(self.gateway, bedside_beat=self.gateway.bedside_beat + 1)
        self.gateway = replace(self.gateway, stamp_ns=self.now)
        self.gateway_seq += 1
        if self.out is not None:
            report = self.out.report
            self.heard.append(
                (self.now + int(self.link_ms / 2 * MS), report.stamp_ns, report.nonce)
            )

    def _media(self) -> tuple[m.FrameStamp, ...]:
        if not self.media_alive:
            return (NO_FRAME,) * m.MAX_FRAMES
        self.media = replace(self.media, stamp_ns=self.now)
        self.media_seq += 1
        if self.now < self.frame_due:
            return (NO_FRAME,) * m.MAX_FRAMES
        self.frame_due += S // 30
        self.rtp = (self.rtp + 3000) & 0xFFFFFFFF
        if self.content_moves:
            self.content += 1
        mark = self.out.report.mark if self.out else -1
        stamp = m.FrameStamp(self.rtp, self.now, self.content, self.media.live, mark)
        self.shown.append((self.rtp, self.now))
        return (stamp, *(NO_FRAME,) * (m.MAX_FRAMES - 1))

    def _console(self) -> None:
        while self.heard and self.heard[0][0] <= self.now:
            _, stamp, nonce = self.heard.popleft()
            self.echo = (stamp, nonce)
            if self.out is not None:
                self.console_epoch = self.out.report.epoch
        delay = int(self.picture_delay_ms * MS)
        while len(self.shown) > 1 and self.shown[1][1] + delay <= self.now:
            self.shown.popleft()
        if self.console_alive and self.gateway.console_open and self.now >= self.command_due:
            self.command_due = max(self.command_due + 5 * MS, self.now - 5 * MS)
            self.seq += 1
            frame = self.mangle(self.safety_frame())
            self.uplink.append((self.now + int(self.link_ms / 2 * MS), pack(frame)))
        while self.uplink and self.uplink[0][0] <= self.now:
            _, data = self.uplink.popleft()
            if self.gateway_alive:
                self.frame, self.frame_seq = data, self.frame_seq + 1

    def safety_frame(self) -> SafetyFrame:
        rtp, acquired = self.shown[0] if self.shown else (0, self.now)
        dwell = max(0, self.now - acquired - int(self.picture_delay_ms * MS)) // 1000
        return SafetyFrame(
            session=self.gateway.console_session,
            epoch=self.console_epoch,
            seq=self.seq,
            echo_ns=self.echo[0],
            echo_nonce=self.echo[1],
            frame_id=rtp,
            dwell_us=min(dwell, 100_000),
            haptic_echo_us=0,
            haptic_dwell_us=0,
            flags=FLAG_DEADMAN if self.deadman else 0,
            mode=self.mode,
            deadman_edges=self.edges,
            hand_p_m=self.hand_p,
            hand_r_rad=(0.0, 0.0, 0.0),
            hand_v_m_s=self.hand_v,
            hand_w_rad_s=(0.0, 0.0, 0.0),
            force_ref_n=self.force_ref,
            needle_v_m_s=self.needle_v,
            limits_hash=hash_of(self.limits),
        )

    def make_inputs(self) -> m.GuardInputs:
        self._arm()
        self._servo()
        self._gateway()
        stamps = self._media()
        self._console()
        events = tuple(self.events[: m.MAX_EVENTS])
        del self.events[: m.MAX_EVENTS]
        if self.epoch_store and self.out is not None:
            self.epoch_durable = max(self.epoch_durable, self.out.epoch_wanted)
        return m.GuardInputs(
            now_ns=self.now,
            lateness_us=10.0,
            nonce=self.rng.getrandbits(32),
            arm_seq=self.arm_seq,
            arm=self.arm,
            servo_seq=self.servo_seq,
            servo=self.servo,
            gateway_seq=self.gateway_seq,
            gateway=self.gateway,
            media_seq=self.media_seq,
            media=self.media,
            frame_seq=self.frame_seq,
            frame=self.frame,
            stamps=stamps,
            events=(*events, *(NO_EVENT,) * (m.MAX_EVENTS - len(events))),
            bedside_input=self.bedside_input,
            supervisor=self.supervisor,
            epoch_durable=self.epoch_durable,
            authenticity=self.authenticity,
        )

    def step(self) -> m.GuardOutputs:
        """One guard cycle."""
        self.now += self.period
        self.inputs = self.make_inputs()
        if self.history is not None:
            self.history.append(self.inputs)
        self.out = self.core.step(self.inputs)
        assert not self.core.error, self.core.error
        return self.out

    def run(self, seconds: float) -> m.GuardOutputs:
        out = self.step()
        end = self.now + int(seconds * S)
        while self.now < end:
            out = self.step()
        return out

    def until(self, condition: Callable[[m.GuardOutputs], bool], seconds: float = 20.0) -> float:
        """Run until `condition`; return the virtual time it took (ms)."""
        start = self.now
        while not condition(self.step()):
            assert self.now - start < seconds * S, f"not within {seconds} s: {self.describe()}"
        return (self.now - start) / MS

    def skip(self, seconds: float) -> None:
        """Let `seconds` count as spent in this state and since the bedside's press."""
        memory, ns = self.core.memory, int(seconds * S)
        memory.machine = replace(memory.machine, since_ns=memory.machine.since_ns - ns)
        if memory.consent.given_ns:
            memory.consent.given_ns -= ns

    # --- shorthand

    @property
    def report(self) -> m.GuardReport:
        assert self.out is not None
        return self.out.report

    @property
    def state(self) -> State:
        return self.report.state

    def describe(self) -> str:
        r = self.report
        return f"{r.state.name} first-out {r.first_out.name} step {r.step.name}"

    def send(self, kind: EventKind, arg: int = 1, source: Source = Source.BEDSIDE_PAGE) -> None:
        session = {Source.CONSOLE: CONSOLE, Source.BEDSIDE_PAGE: BEDSIDE}.get(source, 0)
        self.events.append(m.GuardEvent(kind, source, arg, session, self.now, 0))

    def key_stop(self, hold_s: float = 0.1) -> None:
        self.send(EventKind.STOP, 1, Source.BEDSIDE_KEY)
        self.run(hold_s)
        self.send(EventKind.STOP, 0, Source.BEDSIDE_KEY)
        self.step()

    def set_gateway(self, **changes: Any) -> None:
        self.gateway = replace(self.gateway, **changes)

    def press(self) -> None:
        self.deadman = True
        self.edges = (self.edges + 1) & 0xFFFF

    def release(self) -> None:
        self.deadman = False

    def answer_mark(self) -> None:
        self.until(lambda out: out.report.mark >= 0 or out.report.mark_ok)
        if not self.report.mark_ok:
            self.run(0.2)
            self.send(EventKind.MARK_ANSWER, self.report.mark, Source.CONSOLE)
            self.until(lambda out: out.report.mark_ok)

    # --- the way to motion

    def to_connected(self, instrument: Instrument = Instrument.PROBE) -> Rig:
        self.until(lambda out: out.report.state == State.IDLE)
        self.set_gateway(bedside_session=BEDSIDE, bedside_visible=True, bedside_sound=True)
        self.run(0.05)
        self.key_stop()
        self.run(2.5)
        self.send(EventKind.DECLARE_INSTRUMENT, instrument)
        self.set_gateway(console_session=CONSOLE, console_open=True, video_open=True)
        self.until(lambda out: out.report.state >= State.CONNECTED)
        return self

    def to_qualified(self, instrument: Instrument = Instrument.PROBE) -> Rig:
        return self.to_connected(instrument).qualify()

    def qualify(self) -> Rig:
        self.until(lambda out: out.report.state == State.QUALIFIED)
        self.answer_mark()
        self.step()
        return self

    def to_armed(self, instrument: Instrument = Instrument.PROBE) -> Rig:
        return self.to_qualified(instrument).allow()

    def allow(self) -> Rig:
        self.send(EventKind.ALLOW_MOTION)
        self.step()
        assert self.state == State.ARMED, self.describe()
        return self

    def engage(self) -> Rig:
        self.run(0.1)
        self.press()
        self.until(lambda out: out.report.state == State.ACTIVE, 1.0)
        return self

    def to_active(self, instrument: Instrument = Instrument.PROBE) -> Rig:
        return self.to_armed(instrument).engage()

    def recover(self, seconds: float = 6.0) -> Rig:
        """Both people do what leaving a stop asks for; the causes must be gone."""
        self.release()
        self.run(seconds)
        if self.state == State.ESTOP or self.core.memory.power.cut:
            self.send(EventKind.ACKNOWLEDGE, source=Source.CONSOLE)
            self.step()
            self.send(EventKind.ALLOW_MOTION)
            self.run(0.1)
            self.key_stop()
            self.send(EventKind.DECLARE_INSTRUMENT, Instrument.PROBE)
            self.run(3.0)
        self.answer_mark()
        self.send(EventKind.ACKNOWLEDGE, source=Source.CONSOLE)
        self.step()
        return self.allow()


_PREPARED: dict[tuple[str, Instrument], Rig] = {}


_CLIMB: dict[str, tuple[str, Callable[[Rig], Rig]]] = {
    "to_qualified": ("to_connected", Rig.qualify),
    "to_armed": ("to_qualified", Rig.allow),
    "to_active": ("to_armed", Rig.engage),
}
"""Stage, the stage before it, and what leads from there."""


def prepared(stage: str, instrument: Instrument = Instrument.PROBE) -> Rig:
    """A private copy of a rig that was brought to `stage` once: to_connected, to_armed, ..."""
    if (stage, instrument) not in _PREPARED:
        if stage in _CLIMB:
            before, climb = _CLIMB[stage]
            rig = climb(prepared(before, instrument))
        else:
            rig = getattr(Rig(), stage)(instrument)
        _PREPARED[stage, instrument] = rig
    return copy.deepcopy(_PREPARED[stage, instrument])
