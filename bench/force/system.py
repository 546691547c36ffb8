"""The link is cut while the whole system scans: guard, servo, pages and people on virtual time."""

from __future__ import annotations

from bench import trace
from bench.branch import branch
from bench.faults.worlds import Stroke
from bench.force.scenarios import INTERFACE, patient_of
from bench.force.spec import Spec
from bench.kit.bench import BenchError
from bench.kit.model import Figure, Measured, Series
from bench.world import World, WorldError, WorldOptions
from safety.states import State
from teleop.scripted.hand import Player
from teleop.scripted.persons import Phase

READY_S = 60.0
BEFORE_NS = 100_000_000
APART_S = 0.37
"""Between two moments of a cut: no multiple of a breath or of a stroke."""
WATCH_S = 2.0
REACH_M = 0.018


def link_lost_in_system(spec: Spec) -> Measured:
    """Cut both ways at moments spread over a scan; each cut is done to a copy of the world."""
    world = World(
        WorldOptions(
            seed=spec.seed, control_hz=spec.control_hz, interface=INTERFACE[spec.law],
            scene=patient_of(spec).scene(),
        )
    )  # fmt: skip
    try:
        world.page.console.player = Player(Stroke(spec.scan_m_s, REACH_M / spec.scan_m_s))
        world.run_until(lambda: world.page.expert.phase is Phase.SCAN, READY_S)
        cuts = []
        for _ in range(spec.losses):
            world.run_for(APART_S)
            cuts.append(branch(world, _cut))
    except WorldError as error:
        raise BenchError(str(error)) from error
    finally:
        world.close()
    added, detect_ms = tuple(cut[0] for cut in cuts), tuple(cut[1] for cut in cuts)
    figures = (
        Figure("force added by a lost link", "N", max(added), len(added)),
        Figure("guard holds after", "ms", max(detect_ms), len(detect_ms)),
    )
    return Measured(figures, (Series("force added", "N", added, headline=True),))


def _cut(world: World) -> tuple[float, float]:
    """(N above the 100 ms before, ms until guard holds)."""
    start_ns = world.clock.now_ns
    before_n = trace.peak_force_n(world.trace.since(start_ns - BEFORE_NS))
    world.bedside.nurse.willing = False
    world.cut_link()
    world.run_for(WATCH_S)
    rows = world.trace.since(start_ns)
    held_ms = trace.detect_ms(rows, start_ns, frozenset({State.HOLD}))
    if held_ms < 0.0:
        raise BenchError("guard did not hold after the link was cut")
    return trace.peak_force_n(rows) - before_n, held_ms
