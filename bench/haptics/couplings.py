"""Ways to couple hand and robot, each with its own messages: naive, passive, and the product's."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from bench.haptics.pipe import LinkSpec, Pipe
from bench.haptics.robots import ForceRobot, PositionRobot, Sensor, Surface
from haptics.bilateral.choice import Coupling, CouplingChoice
from haptics.bilateral.fade import leg_ok
from haptics.bilateral.handle import HandleFacts, HandleState
from haptics.bilateral.mapping import Block, Scales
from haptics.bilateral.passivity import EnergyPort, ForcePort, VelocityPort
from haptics.bilateral.render import AXIS, FromRobot, HandOut, HapticLoop
from haptics.bilateral.surface import NO_SURFACE, SurfaceModel
from haptics.codec import COMMAND, FORCE, Decoder, Encoder, Sample
from haptics.vec import ZERO
from transport.impair import Noise

EXTRAPOLATE_NS = 20_000_000
HANDLE = HandleFacts("bench", 12.0, 3000.0, 0.15, True)
"""A desktop handle: 12 N, clean stiffness 3000 N/m at 1 kHz."""
PORT_DAMPING_N_S_M = 5.0


@dataclass(frozen=True, slots=True)
class Ratio:
    """Scales without the product's limit, for the naive coupling."""

    motion: float
    force: float


@dataclass(frozen=True, slots=True)
class Grip:
    """What the console reads of the handle in a cycle."""

    p_m: float
    v_m_s: float
    moved_m: float


class CoupledPair(Protocol):
    """Console and robot with a link between them."""

    @property
    def robot(self) -> ForceRobot | PositionRobot:
        """The robot."""

    @property
    def scales(self) -> Scales | Ratio:
        """Of motion and force."""

    def console(self, now_ns: int, grip: Grip, dt_s: float) -> float:
        """One console cycle; the force (N) to hold against the hand."""

    def machine(self, now_ns: int, dt_s: float) -> None:
        """One robot cycle."""


@dataclass(slots=True)
class Reflection:
    """Position up, measured force down: naive, or with passivity control at both ports."""

    link: LinkSpec
    surface: Surface
    scales: Scales | Ratio
    seed: int
    passive: bool
    robot: PositionRobot = field(init=False)
    up: Pipe[tuple[float, float, float]] = field(init=False)
    down: Pipe[tuple[float, float]] = field(init=False)
    hand_port: ForcePort = field(default_factory=lambda: ForcePort(EnergyPort()))
    robot_port: VelocityPort = field(default_factory=lambda: VelocityPort(EnergyPort()))
    _force_n: float = 0.0
    _hand: tuple[float, float, float] = (0.0, 0.0, 0.0)
    _p_wanted_m: float = 0.0

    def __post_init__(self) -> None:
        """Build robot and link."""
        self.robot = PositionRobot(self.surface, Sensor(Noise(self.seed + 2)))
        self.up, self.down = Pipe(self.link, self.seed), Pipe(self.link, self.seed + 1)

    def console(self, now_ns: int, grip: Grip, dt_s: float) -> float:
        """One console cycle."""
        heard = self.down.receive(now_ns)
        if heard is not None:
            self._force_n = heard[0]
            self.hand_port.energy.heard(heard[1])
        force = self.scales.force * self._force_n
        if self.passive:
            force += PORT_DAMPING_N_S_M * grip.v_m_s
            force = self.hand_port.update(force, grip.moved_m, grip.v_m_s, dt_s)
        motion = self.scales.motion
        energy = self.hand_port.energy.in_j
        self.up.send(now_ns, (motion * grip.p_m, motion * grip.v_m_s, energy))
        return force

    def machine(self, now_ns: int, dt_s: float) -> None:
        """One robot cycle."""
        heard = self.up.receive(now_ns)
        if heard is not None:
            self._hand = heard
            self.robot_port.energy.heard(heard[2])
        hand_m, hand_m_s, _ = self._hand
        if not self.passive:
            self.robot.step(hand_m, hand_m_s, now_ns / 1e9, dt_s)
        else:
            # The hand's energy in its own scale: force and motion scale change it in passing.
            gain = self.scales.force / self.scales.motion
            wanted = hand_m_s + 10.0 * (hand_m - self._p_wanted_m)
            v = self.robot_port.update(wanted, gain * self.robot.measured_n, dt_s)
            self._p_wanted_m += v * dt_s
            self.robot.step(self._p_wanted_m, v, now_ns / 1e9, dt_s)
        self.down.send(now_ns, (self.robot.measured_n, self.robot_port.energy.in_j))


@dataclass(frozen=True, slots=True)
class Up:
    """A command, as far as this axis needs it."""

    hand_m: float
    hand_m_s: float
    reference_n: float
    echo: int


@dataclass(frozen=True, slots=True)
class Down:
    """A force frame."""

    force_n: float
    model: SurfaceModel
    sent_ns: int


@dataclass(slots=True)
class Product:
    """The product's haptic loop, codec and robot rule; the coupling by choice, or forced."""

    link: LinkSpec
    surface: Surface
    scales: Scales
    seed: int
    forced: Coupling | None = None
    """None: chosen by the link's figures, but never off (a bench has no watchdog)."""
    touch_cap: bool = True
    hold_s: float | None = None
    """Silence after which the robot holds, as guard orders it; None: watchdog widened."""
    codec: bool = True
    """False: every sample of the 1 kHz force leg is sent."""
    facts: HandleFacts = HANDLE
    robot: ForceRobot = field(init=False)
    loop: HapticLoop = field(init=False)
    up: Pipe[Up] = field(init=False)
    down: Pipe[Down] = field(init=False)
    commands: Encoder = field(default_factory=lambda: Encoder(COMMAND))
    forces: Encoder = field(default_factory=lambda: Encoder(FORCE))
    felt: Decoder = field(default_factory=lambda: Decoder(FORCE))
    choice: CouplingChoice = field(default_factory=CouplingChoice)
    out: HandOut | None = None
    _hand: Up = Up(0.0, 0.0, 0.0, -1)
    _model: SurfaceModel = NO_SURFACE
    _heard_ns: int = 0
    _taken_ns: int = 0

    def __post_init__(self) -> None:
        """Build robot, link and loop."""
        self.robot = ForceRobot(
            self.surface, Sensor(Noise(self.seed + 2)), touch_cap=self.touch_cap
        )
        self.loop = HapticLoop(self.facts, self.scales)
        self.up, self.down = Pipe(self.link, self.seed), Pipe(self.link, self.seed + 1)

    def console(self, now_ns: int, grip: Grip, dt_s: float) -> float:
        """One console cycle."""
        heard = self.down.receive(now_ns)
        if heard is not None:
            self._model, self._heard_ns = heard.model, now_ns
            self.felt.take(Sample(heard.sent_ns, (heard.force_n, 0.0, 0.0)))
        state = HandleState(
            (0.0, 0.0, grip.p_m), ZERO, (0.0, 0.0, grip.v_m_s), ZERO,
            deadman=now_ns > 2_000_000, clutch=False,
        )  # fmt: skip
        force, self.out = self.loop.step(state, self._robot(now_ns), dt_s)
        hand = self.out
        sample = Sample(now_ns, (0.0, 0.0, hand.p_m[2]), (0.0, 0.0, hand.v_m_s[2]))
        if self.commands.offer(sample):
            echo = hand.touch_echo
            self.up.send(now_ns, Up(hand.p_m[2], hand.v_m_s[2], hand.force_ref_n, echo))
        return -force[2]

    def _robot(self, now_ns: int) -> FromRobot:
        silent_ns = now_ns - self._heard_ns if self.felt.newest is not None else 0
        sender_ns = self.felt.newest.stamp_ns + silent_ns if self.felt.newest else 0
        if self.forced is not None:
            coupling = self.forced
        else:
            rtt_ms = self.link.rtt_ms + 2.0 * self.link.jitter_ms
            coupling = min(Coupling.MODEL, self.choice.update(now_ns, rtt_ms, 0.0))
        return FromRobot(
            model=self._model,
            inward=AXIS,
            force_n=self.felt.value(sender_ns)[0],
            coupling=coupling,
            leg_ok=leg_ok(0.0, 50.0, max(0, silent_ns - round(self.link.jitter_ms * 8e6))),
            moving=True,
            block=Block.NONE,
            probe_p_m=ZERO,
            probe_r_rad=ZERO,
        )

    def machine(self, now_ns: int, dt_s: float) -> None:
        """One robot cycle."""
        heard = self.up.receive(now_ns)
        if heard is not None:
            self._hand, self._taken_ns = heard, now_ns
        hand, robot = self._hand, self.robot
        hold = self.hold_s is not None and now_ns - self._taken_ns > self.hold_s * 1e9
        fresh = now_ns - self._taken_ns <= EXTRAPOLATE_NS
        speed = hand.hand_m_s if fresh else 0.0
        robot.step(hand.hand_m, speed, hand.reference_n, hand.echo, now_ns, dt_s, hold=hold)
        sample = Sample(now_ns, (robot.measured_n, 0.0, 0.0))
        if self.forces.offer(sample) or not self.codec:
            self.down.send(now_ns, self._frame(robot, now_ns))

    def _frame(self, robot: ForceRobot, now_ns: int) -> Down:
        model = SurfaceModel(
            touch=robot.touch.touch,
            contact=robot.touch.touching,
            stiffness_n_m=robot.fit.k_n_m,
            damping_n_s_m=robot.fit.b_n_s_m,
            force_n=robot.measured_n,
            force_ref_n=robot.law.reference_n,
        )
        return Down(robot.measured_n, model, now_ns)
