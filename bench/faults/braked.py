"""What a patient feels from an arm that is braked because no force-sensing controller lives.

Until standstill the stop itself must add no more than 1 N. Later the skin breathes against a probe
that cannot yield; that force is bounded by the tissue's law (Hunt and Crossley 1975) at the depth
where the arm came to rest and the whole breath on top. It ends with the hand release: the arm
yields again when a new servo runs and both people have confirmed (a person's quick release at the
arm itself is outside this system).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from bench import trace
from bench.branch import branch
from bench.faults.run import BEFORE_NS
from bench.faults.site import limits_of
from bench.faults.spec import Spec
from bench.faults.worlds import go_on, scanning
from bench.kit.model import Figure, Measured, Series
from bench.world import World
from robot_sim.scene import Scene, load_scene
from robot_sim.tissue import DEPTH_REF_M, normal_force_n
from transport.impair import Noise

RESTART_S = 0.5
"""A new servo process, after standstill (`teleop/supervisor/restart.py`)."""
PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True)
class Braked:
    """One loss of servo in contact."""

    stop_added_n: float
    later_n: float
    later_added_n: float
    bound_n: float
    released_s: float
    """From the fault until the brakes are open again, both people at work after one breath."""


def bound_n(scene: Scene, rest_n: float) -> float:
    """Largest force on a probe that stands still where it was pressed with `rest_n` at most."""
    m, b = scene.mechanics, scene.breathing
    share = rest_n / (m.stiffness_n_m * DEPTH_REF_M)
    depth_m = DEPTH_REF_M * math.pow(share, 1.0 / m.exponent) + b.peak_to_peak_m
    rate_m_s = math.pi * b.frequency_hz * b.peak_to_peak_m
    return normal_force_n(scene, depth_m, rate_m_s)


def measure(spec: Spec) -> Measured:
    """`count` losses of servo, spread over the breath."""
    scene = load_scene()
    breath_s = 1.0 / scene.breathing.frequency_hz
    noise = Noise.stream(spec.seed, 79)
    world, _ = scanning(spec.seed, spec.control_hz, [], limits_of(spec.limits))
    found = []
    for _ in range(spec.count):
        go_on(world, breath_s * (1.0 / spec.count + 0.1 * noise.uniform()))
        found.append(branch(world, lambda copy: _brake(copy, scene, breath_s)))
    world.close()
    return _measured(found)


def _brake(world: World, scene: Scene, breath_s: float) -> Braked:
    start_ns = world.clock.now_ns
    world.bedside.nurse.willing = False
    world.servo_task.paused = True
    world.run_for(RESTART_S)
    world.start_servo()
    world.run_for(breath_s)
    before = [r for r in world.trace.rows if start_ns - BEFORE_NS <= r.now_ns < start_ns]
    rows = world.trace.since(start_ns)
    rest_ms = trace.rest_ms(rows, start_ns, tangential=False)
    rest_ns = start_ns + round(rest_ms * 1e6) if rest_ms >= 0.0 else world.clock.now_ns
    held_n = trace.peak_force_n(before)
    stop_n = trace.peak_force_n([r for r in rows if r.now_ns <= rest_ns])
    later_n = trace.peak_force_n([r for r in rows if r.now_ns > rest_ns])
    at_rest_n = next((r.force_n for r in rows if r.now_ns >= rest_ns), stop_n)
    world.bedside.nurse.willing = True
    world.run_until(lambda: not world.site.arm.value.braked, PATIENCE_S)
    return Braked(
        max(0.0, stop_n - held_n),
        later_n,
        max(0.0, later_n - held_n),
        bound_n(scene, max(stop_n, at_rest_n)),
        (world.clock.now_ns - start_ns) / 1e9,
    )


def _measured(found: list[Braked]) -> Measured:
    count = len(found)
    figures = (
        Figure("added until standstill max", "N", max(b.stop_added_n for b in found), count),
        Figure("later, breathing: force max", "N", max(b.later_n for b in found), count),
        Figure("later, breathing: added max", "N", max(b.later_added_n for b in found), count),
        Figure("later, breathing: bound max", "N", max(b.bound_n for b in found), count),
        Figure("above its bound", "", sum(b.later_n > b.bound_n for b in found), count),
        Figure("hand release max", "s", max(b.released_s for b in found), count),
    )
    series = Series("breathing against brakes", "N", tuple(round(b.later_n, 3) for b in found),
                    headline=True)  # fmt: skip
    note = (
        "hand release is counted from the fault; the people begin after one breath "
        f"({RESTART_S:g} s + one period) to show its whole force. The quick release at the arm "
        "itself is a person's, and not simulated."
    )
    return Measured(figures, (series,), (), (note,))
