"""Faults of the force sensor and of the arm, and frames that somebody else made."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import replace

from bench.faults import forge
from bench.faults.act import after, lie, order, pause, sensor, together
from bench.faults.model import LATCHED, STOPPED, Fault, Follows, Group, Invariant
from bench.world import World
from robot_sim.sensor import SensorFault
from safety.layout import Vec3
from safety.messages import ArmCommand, ArmState
from safety.states import Cause, State

SENSOR = frozenset({Cause.FORCE_SENSOR_INVALID})
ARM, SERVO = frozenset({"arm"}), frozenset({"servo"})
READING, EYES = frozenset({"reading"}), frozenset({"eyes"})
"""What a second fault may cover: a sensor that breaks twice shows the second break only."""
HAND = frozenset({"link", "gateway", "console"})
"""What a release of the deadman passes."""
FULL_SCALE_N = 150.0
DELAY_CYCLES = 15


def _pushed(change: Callable[[float, float], float]) -> Callable[[ArmState, float], ArmState]:
    """The reading along the probe is wrong: `change(reading in N, s since the fault)`."""

    def falsify(arm: ArmState, t_s: float) -> ArmState:
        x, y, z = arm.force_n
        return replace(arm, force_n=(x, y, change(z, t_s)))

    return falsify


def _delayed(honest: bool) -> Callable[[World], None]:
    """Readings come 30 ms late, with their true stamps (honest) or with fresh ones."""

    def inject(world: World) -> None:
        line: deque[tuple[Vec3, int]] = deque(maxlen=DELAY_CYCLES)

        def falsify(arm: ArmState, t_s: float) -> ArmState:
            line.append((arm.force_n, arm.force_stamp_ns))
            force, stamp_ns = line[0]
            return replace(arm, force_n=force, force_stamp_ns=stamp_ns if honest else
                           arm.force_stamp_ns)  # fmt: skip

        lie(falsify)(world)

    return inject


def _sluggish(arm_gain: float) -> Callable[[World], None]:
    """The reading passes through one more low-pass filter."""

    def inject(world: World) -> None:
        low = list(world.site.arm.value.force_n)

        def falsify(arm: ArmState, t_s: float) -> ArmState:
            for axis, reading in enumerate(arm.force_n):
                low[axis] += arm_gain * (reading - low[axis])
            return replace(arm, force_n=(low[0], low[1], low[2]))

        lie(falsify)(world)

    return inject


_S = Group.SENSOR
SENSOR_ROWS: tuple[Fault, ...] = (
    Fault("force sensor: not a number", sensor(SensorFault.NAN), STOPPED, SENSOR, 4, 60, _S,
          needs=ARM | READING, takes=READING),
    Fault("force sensor: says invalid", sensor(SensorFault.INVALID), STOPPED, SENSOR, 4, 60, _S,
          needs=ARM | READING, takes=READING),
    Fault("force sensor: silent", sensor(SensorFault.SILENT), STOPPED, SENSOR, 22, 80, _S,
          needs=ARM | READING, takes=READING),
    Fault("force sensor: stuck", sensor(SensorFault.STUCK), STOPPED, SENSOR, 102, 160, _S,
          needs=ARM | READING, takes=READING),
    Fault("force sensor: bias step -10 N", sensor(SensorFault.BIAS), STOPPED, SENSOR, 10, 60, _S,
          needs=ARM | READING, takes=READING),
    Fault("force sensor: bias step -5 N", lie(_pushed(lambda z, t: z - 5.0)), STOPPED, SENSOR,
          10, 60, _S, needs=ARM | READING, takes=READING),
    Fault("force sensor: bias step +5 N", lie(_pushed(lambda z, t: z + 5.0)), STOPPED, SENSOR,
          10, 60, _S, needs=ARM | READING, takes=READING),
    Fault("force sensor: saturated", lie(_pushed(lambda z, t: FULL_SCALE_N)), STOPPED,
          SENSOR | {Cause.FORCE_OVER_LIMIT}, 10, 60, _S, needs=ARM | READING, takes=READING),
    Fault("force sensor: reads zero", lie(_pushed(lambda z, t: 0.0)), STOPPED,
          SENSOR, 10, 60, _S, needs=ARM | READING, takes=READING),
    Fault("force sensor: late by 30 ms, true stamps", _delayed(True), STOPPED, SENSOR, 30, 90, _S,
          needs=ARM | READING, takes=READING),
    Fault("force sensor: late by 30 ms, fresh stamps", _delayed(False), group=_S,
          follows=Follows.OPEN, takes=READING, note="not noticed: only the force is judged"),
    Fault("force sensor: slow (5 Hz)", _sluggish(0.06), group=_S, follows=Follows.OPEN,
          takes=READING, note="not noticed: only the force is judged"),
    Fault("force sensor: bias step -3 N", lie(_pushed(lambda z, t: z - 3.0)), group=_S,
          follows=Follows.OPEN, takes=READING,
          note="below what a contact can do: only the force is judged"),
    Fault("force sensor: drift -1 N/s", lie(_pushed(lambda z, t: z - t)), group=_S,
          follows=Follows.OPEN, takes=READING,
          note="not noticed: the force grows as the reading falls"),
    Fault("force sensor: half the gain", lie(_pushed(lambda z, t: 0.5 * z)), group=_S,
          follows=Follows.OPEN, takes=READING, hides_force=0.5,
          note="not noticed: only the force is judged, and every limit of it counts double"),
)  # fmt: skip


def _frozen_encoders(world: World) -> None:
    """Joints and pose stay as they are, with fresh stamps."""
    held = world.site.arm.value

    def falsify(arm: ArmState, t_s: float) -> ArmState:
        return replace(
            arm, q_rad=held.q_rad, qd_rad_s=(0.0,) * 7, base_p_probe_m=held.base_p_probe_m,
            base_q_probe=held.base_q_probe, base_v_probe_m_s=(0.0,) * 3,
            base_w_probe_rad_s=(0.0,) * 3,
        )  # fmt: skip

    lie(falsify)(world)


def jumped(arm: ArmState, t_s: float) -> ArmState:
    """The pose is 5 mm beside the truth."""
    x, y, z = arm.base_p_probe_m
    return replace(arm, base_p_probe_m=(x, y + 0.005, z))


def _runaway(factor: float) -> Callable[[ArmCommand, World, float], ArmCommand]:
    """Servo sends the motion of one joint that nobody asked for."""

    def falsify(command: ArmCommand, world: World, t_s: float) -> ArmCommand:
        first, *others = command.qd_rad_s
        return replace(command, qd_rad_s=(first + factor, *others), brake=False)

    return falsify


def _keeps_sending(world: World) -> None:
    """Servo repeats its last motion with fresh stamps, whatever is permitted."""
    held = world.site.arm_command.value
    order(lambda command, w, t: replace(held, stamp_ns=command.stamp_ns))(world)


def _nonsense(command: ArmCommand, world: World, t_s: float) -> ArmCommand:
    return replace(command, qd_rad_s=(float("nan"),) * 7)


def _needle(command: ArmCommand, world: World, t_s: float) -> ArmCommand:
    return replace(command, needle_v_m_s=0.005)


def _no_power(world: World) -> None:
    """The arm's power fails."""
    enable = world.site.enable

    def cut(now_ns: int) -> None:
        enable.value = replace(enable.value, power=False)

    after(world.guard_task, cut)


def _brakes_fail(world: World) -> None:
    world.site.arm_box.fail_brakes()


POSE = frozenset({Cause.POSE_INVALID})
POWER = frozenset({"power"})
"""Cutting it is the answer to failed brakes: without power there is nothing left to do."""
ROGUE = frozenset({Invariant.I5, Invariant.I6})
_A = Group.ARM
ARM_ROWS: tuple[Fault, ...] = (
    Fault("encoders frozen", _frozen_encoders, STOPPED, POSE, 110, 170, _A, needs=ARM | SERVO,
          takes=EYES, slow_detect_ms=math.inf),
    Fault("pose jumps by 5 mm", lie(jumped), STOPPED, POSE, 10, 60, _A, needs=ARM | EYES),
    Fault("servo keeps sending after a release",
          together(_keeps_sending, lambda w: w.release_deadman()), LATCHED,
          frozenset({Cause.SERVO_IGNORES_PERMIT}), 52, 120, _A, blinds=ROGUE,
          takes=SERVO, needs=SERVO | HAND | EYES, slow_detect_ms=math.inf,
          slowing_detect_ms=142,
          note="the release itself takes up to 12 ms to guard; after another stop that was seen to "
          "begin, the slide must go on slowing; slower than 10 mm/s it is noticed after 2 mm"),
    Fault("servo runs away, 0.5 rad/s", order(_runaway(0.5)), LATCHED,
          frozenset({Cause.SPEED_OVER_PERMIT}), 40, 140, _A, blinds=ROGUE,
          takes=SERVO, needs=SERVO | EYES),
    Fault("servo sends no numbers", order(_nonsense), STOPPED, frozenset(), 22, 60, _A,
          brakes=True, guard_sees=False, takes=SERVO, needs=SERVO, note="the arm box refuses them"),
    Fault("needle axis moves by itself", order(_needle), STOPPED, frozenset(), 120, 180, _A,
          blinds=ROGUE, takes=SERVO, needs=SERVO, note="noticed after 0.5 mm: the axis left home"),
    Fault("arm loses power", _no_power, LATCHED, frozenset({Cause.ARM_POWER_LOST}), 10, 60, _A,
          brakes=True, takes=POWER, needs=ARM),
    Fault("brakes fail at an emergency stop",
          together(_brakes_fail, lambda w: w.press_key(), sensor(SensorFault.INVALID)),
          frozenset({State.FAULT}), frozenset(), 40, 120, _A, brakes=True, needs=ARM | EYES | POWER,
          slow_detect_ms=112, open_brakes=True,
          note="power is cut when braking is not seen within 20 ms"),
    Fault("brakes fail and guard stops", together(_brakes_fail, pause("guard")), STOPPED,
          frozenset(), 75, 120, _A, brakes=True, guard_sees=False, takes=POWER | {"guard"},
          note="the arm box misses the answer after 20 ms and sees 50 ms later that an order to "
          "brake changes nothing: it takes its own power away"),
)  # fmt: skip


def _attack(name: str, make: forge.Make) -> Fault:
    return Fault(name, forge.attack(make), group=Group.FRAMES, follows=Follows.OPEN,
                 note="100 frames/s straight into guard's mailbox, as by a broken gateway: none is "
                 "accepted; those it overwrites are missing")  # fmt: skip


FRAME_ROWS: tuple[Fault, ...] = (
    _attack("forged frames", forge.forged),
    _attack("forged frames, sequence far ahead", forge.leading),
    _attack("captured frames, repeated at once", forge.repeated),
    _attack("captured frames, half a second old", forge.replayed),
    _attack("captured frames, changed", forge.changed),
    _attack("frames of another session, signed for it", forge.foreign),
    _attack("random bytes", forge.noise),
)
