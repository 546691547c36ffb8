"""Each kind of case: build the pair, run it, give the figures."""

from __future__ import annotations

import math
from collections.abc import Callable

from bench.haptics import measure
from bench.haptics.cases import Spec
from bench.haptics.couplings import CoupledPair, Product, Ratio, Reflection
from bench.haptics.pipe import LinkSpec
from bench.haptics.robots import Surface
from bench.haptics.world import Trace, run
from bench.kit.model import Figure, Measured, Series
from haptics.bilateral.choice import Coupling
from haptics.bilateral.mapping import Scales
from haptics.bilateral.one_euro import OneEuro
from haptics.codec import FORCE
from robot_sim.operator import Hand, Intention, Operator
from transport.impair import Noise

AIM_N = 4.0
"""Force on the patient that the operator aims at."""
APPROACH_M_S = 0.015
"""Speed of the approach in the robot's scale."""


def pair_of(spec: Spec, link: LinkSpec) -> CoupledPair:
    """The coupling that a case names."""
    surface = Surface(spec.stiffness_n_m)
    if spec.scheme == "naive":
        return Reflection(link, surface, Ratio(1.0, 1.0), spec.seed, passive=False)
    if spec.scheme == "ports":
        return Reflection(link, surface, Scales(), spec.seed, passive=True)
    forced = Coupling.MODEL if spec.scheme in ("model", "no_touch_cap") else None
    cap = spec.scheme != "no_touch_cap"
    return Product(link, surface, Scales(), spec.seed, forced, touch_cap=cap)


def operator_of(pair: CoupledPair, grip_n_m: float, swing_n: float = 0.0) -> Operator:
    """A person who goes down, touches and holds (or modulates) the force."""
    scales = pair.scales
    intention = Intention(
        approach_m_s=APPROACH_M_S / scales.motion,
        felt_n=AIM_N * scales.force,
        swing_n=swing_n * scales.force,
    )
    return Operator(Hand(stiffness_n_m=grip_n_m), intention)


def stability(spec: Spec) -> Measured:
    """Touch and hold at every delay and grip."""
    unstable, worst_peak, lowest_mj, worst_sd = 0, 0.0, math.inf, 0.0
    broken: list[float] = []
    series: list[Series] = []
    for rtt_ms in spec.rtt_ms:
        for grip in spec.grips_n_m:
            pair = pair_of(spec, LinkSpec(rtt_ms, spec.jitter_ms, spec.loss))
            trace = run(pair, operator_of(pair, grip), spec.seconds + 2 * rtt_ms / 1e3)
            if not measure.stable(trace):
                unstable += 1
                broken.append(rtt_ms)
            worst_peak = max(worst_peak, trace.peak_n / AIM_N)
            lowest_mj = min(lowest_mj, measure.port_energy_mj(trace))
            worst_sd = max(worst_sd, measure.spread(measure.tail(trace, trace.force_n)))
            if grip == spec.grips_n_m[0]:
                series.append(_force_series(trace, f"force at RTT {rtt_ms:g} ms"))
    good = [r for r in spec.rtt_ms if not broken or r < min(broken)]
    cases = len(spec.rtt_ms) * len(spec.grips_n_m)
    return Measured(
        (
            Figure("unstable", "", float(unstable), cases),
            Figure("stable to RTT", "ms", max(good, default=-1.0)),
            Figure("peak", "x reference", worst_peak, cases),
            Figure("port energy", "mJ", lowest_mj, cases),
            Figure("worst force sd", "N", worst_sd, cases),
        ),
        tuple(series),
        notes=("port energy: lowest store at the hand, the 10 mJ grant counted",),
    )


def _force_series(trace: Trace, name: str) -> Series:
    return Series(name, "N", tuple(trace.force_n), tuple(trace.time_s), line_at=AIM_N)


def transparency(spec: Spec) -> Measured:
    """How true force and stiffness are felt while the person modulates the force by 1 N."""
    errors: list[float] = []
    wrong: list[float] = []
    series: list[Series] = []
    for rtt_ms in spec.rtt_ms:
        pair = pair_of(spec, LinkSpec(rtt_ms, spec.jitter_ms, spec.loss))
        trace = run(pair, operator_of(pair, spec.grips_n_m[0], 1.0), spec.seconds)
        errors.append(measure.felt_error_n(trace, pair.scales))
        felt = measure.felt_stiffness(trace, pair.scales)
        wrong.append(abs(felt / spec.stiffness_n_m - 1.0) * 100.0)
        series.append(_force_series(trace, f"force at RTT {rtt_ms:g} ms"))
        scaled = tuple(f / pair.scales.force for f in trace.felt_n)
        series.append(Series(f"felt at RTT {rtt_ms:g} ms", "N", scaled, tuple(trace.time_s)))
    return Measured(
        (
            Figure("felt error", "N rms", max(errors), len(errors)),
            Figure("stiffness error", "%", max(wrong), len(wrong)),
        ),
        tuple(series),
        notes=("felt error: at the hand, from one second after the touch, tremor included",),
    )


def packets(spec: Spec) -> Measured:
    """What the codec saves and what it costs, on breathing skin under a modulating hand."""
    from teleop.gateway.pump import HEARTBEAT_NS

    link = LinkSpec(spec.rtt_ms[0], spec.jitter_ms, spec.loss)
    pair = Product(link, Surface(spec.stiffness_n_m, breathing_m=0.008), Scales(), spec.seed)
    beyond = [0.0]
    step = pair.machine

    def watched(now_ns: int, dt_s: float) -> None:
        step(now_ns, dt_s)
        last = pair.forces.last
        if last is not None:
            wrong = abs(pair.robot.measured_n - last.value[0])
            allowed = max(FORCE.floor, FORCE.weber * abs(pair.robot.measured_n))
            beyond.append(wrong - allowed)

    trace = run(_Watched(pair, watched), operator_of(pair, spec.grips_n_m[0], 1.0), spec.seconds)
    return Measured(
        (
            Figure("force saved", "%", pair.forces.saved * 100.0, pair.forces.offered),
            Figure("commands saved", "%", pair.commands.saved * 100.0, pair.commands.offered),
            Figure("force beyond deadband", "N", max(beyond), len(beyond)),
            Figure("echo heartbeats beside", "1/s", 1e9 / HEARTBEAT_NS),
        ),
        (_force_series(trace, "force"),),
        notes=("against one packet per millisecond",),
    )


class _Watched:
    """A pair whose robot cycle is looked at."""

    def __init__(self, pair: Product, machine: Callable[[int, float], None]) -> None:
        self.robot, self.scales, self.console = pair.robot, pair.scales, pair.console
        self.machine = machine


def hand(spec: Spec) -> Measured:
    """Tremor at rest and lag in motion of the hand's filter (30 mm at 0.4 Hz, tremor at 9 Hz)."""
    still, still_raw = _tremor(0.0)
    damping_db = 20.0 * math.log10(still_raw / max(still, 1e-12))
    moving = OneEuro()
    lags, counted = [], []
    w = 2.0 * math.pi * 0.4
    for i in range(10_000):
        t = i / 1000.0
        p = 0.015 * math.sin(w * t)
        speed = 0.015 * w * math.cos(w * t)
        value = moving.update((p, 0.0, 0.0), 0.001)[0]
        if t > 2.5 and abs(speed) > 0.02:
            lags.append((p - value) / speed * 1e3)
            counted.append(moving.counted_lag_s * 1e3)
    lags.sort()
    return Measured(
        (
            Figure("tremor damping", "dB", damping_db, 5000),
            Figure("lag", "ms", lags[len(lags) // 2], len(lags)),
            Figure("counted lag", "ms", sum(counted) / len(counted), len(counted)),
        ),
        notes=("lag: median over all moments faster than 20 mm/s",),
    )


def _tremor(speed_m_s: float) -> tuple[float, float]:
    """Rms of a 0.4 mm tremor behind and before the filter."""
    euro = OneEuro()
    out, raw = [], []
    for i in range(6000):
        x = 0.0004 * math.sin(2.0 * math.pi * 9.0 * i / 1000.0)
        value = euro.update((x + speed_m_s * i / 1000.0, 0.0, 0.0), 0.001)[0]
        if i > 1000:
            out.append(value - speed_m_s * i / 1000.0)
            raw.append(x)
    return measure.rms(out), measure.rms(raw)


def link_lost(spec: Spec) -> Measured:
    """Cut the link at seeded moments from the approach to the hold."""
    noise = Noise(spec.seed)
    added: list[float] = []
    moments: list[float] = []
    for number in range(spec.repeats):
        at_s = 0.2 + (spec.seconds - 2.5) * noise.uniform()
        link = LinkSpec(spec.rtt_ms[0], spec.jitter_ms, spec.loss, at_s)
        surface = Surface(spec.stiffness_n_m, breathing_m=0.008)
        pair = Product(link, surface, Scales(), spec.seed + number, hold_s=0.05)
        trace = run(pair, operator_of(pair, spec.grips_n_m[0], 1.0), spec.seconds)
        before = max(
            [f for t, f in zip(trace.time_s, trace.force_n, strict=True) if at_s - 0.1 < t <= at_s],
            default=0.0,
        )
        after = max(f for t, f in zip(trace.time_s, trace.force_n, strict=True) if t > at_s)
        added.append(max(0.0, after - before))
        moments.append(at_s)
    return Measured(
        (Figure("added force", "N", max(added), len(added)),),
        (Series("added force", "N", tuple(added), tuple(moments), line_at=1.0),),
        notes=("guard's watchdog counts here: hold 50 ms after the last command",),
    )


KINDS: dict[str, Callable[[Spec], Measured]] = {
    "stability": stability,
    "transparency": transparency,
    "packets": packets,
    "hand": hand,
    "link_lost": link_lost,
}
