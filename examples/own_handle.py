"""Your own haptic handle: four methods, and the console's loop couples it to a robot.

This one is a 0.2 kg mass that a spring pulls 30 mm into the patient; the surface is a model as the
robot sends it. Run: python examples/own_handle.py
"""

from pathlib import Path

from haptics.bilateral.choice import Coupling
from haptics.bilateral.handle import HandleFacts, HandleState
from haptics.bilateral.mapping import Block, Scales
from haptics.bilateral.render import AXIS, FromRobot, HapticLoop
from haptics.bilateral.surface import SurfaceModel
from haptics.vec import ZERO, Vec
from teleop.drivers.handles import HANDLES, HandleEntry, make


class SpringHandle:
    """A mass on a spring: where a person would hold, the spring pulls."""

    p_m = v_m_s = force_n = 0.0

    def open(self) -> HandleFacts:
        """Connect, and say what it can do."""
        return HandleFacts("spring", 10.0, 2000.0, 0.2, simulated=True)

    def read(self, now_ns: int) -> HandleState:
        """Move by one millisecond; the dead-man is held first, then the spring pulls."""
        aim_m = 0.03 if now_ns > 20_000_000 else 0.0
        pull = 100.0 * (aim_m - self.p_m) - 8.0 * self.v_m_s
        self.v_m_s += (pull - self.force_n) / 0.2 * 0.001
        self.p_m += self.v_m_s * 0.001
        p_m, v_m_s = (0.0, 0.0, self.p_m), (0.0, 0.0, self.v_m_s)
        return HandleState(p_m, ZERO, v_m_s, ZERO, deadman=now_ns > 10_000_000, clutch=False)

    def render(self, force_n: Vec, now_ns: int) -> None:
        """Exert the force: what resists motion into the patient is negative."""
        self.force_n = -force_n[2]

    def close(self) -> None:
        """Forces off."""
        self.force_n = 0.0


HANDLES["spring"] = HandleEntry(lambda folder: SpringHandle(), "a mass on a spring")
handle = make("spring", Path())
loop = HapticLoop(handle.open(), Scales(motion=0.5, force=0.5))
for cycle in range(1, 3000):
    touch = SurfaceModel(1, cycle > 500, 800.0, 5.0, 2.0, 2.0)
    robot = FromRobot(touch, AXIS, 2.0, Coupling.MODEL, True, True, Block.NONE, ZERO, ZERO)
    force, hand = loop.step(handle.read(cycle * 1_000_000), robot, 0.001)
    handle.render(force, cycle * 1_000_000)
print(f"the hand feels {hand.felt_n:.1f} N and asks the robot for {hand.force_ref_n:.1f} N")
