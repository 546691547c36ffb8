"""The timing bench: figures of each loop, cases and targets."""

from __future__ import annotations

import msgspec

from bench.kit.model import Case, Figure, Group, Measured, Param, Series, Target
from bench.timing.case import LOOPS, START_S, LoopSpan, Outcome, Spec, measure
from transport.local.lateness import percentiles_us, upper_edge_ns

SHARES = (("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999))
QUICK_S = 8.0


def key_of(spec: Spec) -> str:
    """Stable name of a case."""
    rights = "fifo" if spec.real_time else "normal"
    return f"{rights}-{spec.control_hz}Hz-{'chromium' if spec.chromium else 'expert'}"


def case_of(spec: Spec) -> Case:
    """The case of a spec."""
    beside = "video and Chromium" if spec.chromium else "video and a scripted expert"
    rights = "SCHED_FIFO" if spec.real_time else "normal priority"
    names = ("real_time", "control_hz", "fps", "chromium", "seconds")
    params = tuple(Param(name, str(getattr(spec, name))) for name in names)
    return Case(
        key_of(spec), f"{spec.control_hz} Hz, {rights}, beside {beside}", params,
        msgspec.json.encode(spec), spec.seed, spec.seconds + START_S,
        exclusive=True, baseline=not spec.real_time,
    )  # fmt: skip


def plan(quick: bool, seconds: float, seed: int) -> list[Case]:
    """With and without real-time rights, at both rates, beside an expert and beside Chromium."""
    if quick:
        return [case_of(Spec(seconds=QUICK_S, seed=seed))]
    return [
        case_of(Spec(real_time, hz, chromium, seconds=seconds, seed=seed))
        for real_time in (True, False)
        for hz in (500, 1000)
        for chromium in (False, True)
    ]


def _figures(name: str, loop: LoopSpan) -> list[Figure]:
    total = sum(loop.counts)
    late_us = percentiles_us(loop.counts, [share for _, share in SHARES])
    top = max((i for i, n in enumerate(loop.counts) if n), default=0)
    worst_us = min(loop.max_us, upper_edge_ns(top) / 1e3)
    return [
        *(Figure(f"{name} late {label}", "ms", us / 1e3, total)
          for (label, _), us in zip(SHARES, late_us, strict=True)),
        Figure(f"{name} late max", "ms", worst_us / 1e3, total),
        Figure(f"{name} skipped cycles", "", loop.overruns, total),
        Figure(f"{name} work p99", "ms", loop.busy_p99_us / 1e3, total),
        Figure(f"{name} CPU", "%", loop.cpu_percent),
        Figure(f"{name} collections", "", loop.collections),
    ]  # fmt: skip


def _series(name: str, loop: LoopSpan) -> Series:
    """The histogram as samples: every bin's upper edge as often as it was hit."""
    values = [upper_edge_ns(i) / 1e6 for i, n in enumerate(loop.counts) for _ in range(n)]
    return Series(f"{name} late", "ms", tuple(values), headline=name != "arm")


def measured(outcome: Outcome) -> Measured:
    """Everything that is stored of one case."""
    figures = [f for name in LOOPS for f in _figures(name, outcome.loops[name])]
    total = sum(loop.cpu_percent for loop in outcome.loops.values())
    figures.append(Figure("arm + servo + guard CPU", "%", total))
    figures += [Figure(f"{name} CPU", "%", p) for name, p in sorted(outcome.cpu_percent.items())]
    granted = ", ".join(
        f"{name} {'FIFO' if loop.fifo else 'normal'}{', locked' if loop.locked else ''}"
        for name, loop in outcome.loops.items()
    )
    notes = (f"granted: {granted}", f"guard's state at both ends: {' '.join(outcome.states)}")
    series = tuple(_series(name, outcome.loops[name]) for name in LOOPS)
    return Measured(tuple(figures), series, (), notes)


def _late(case: str, loop: str, figure: str, limit_ms: float) -> Target:
    name = f"{loop} late {figure}"
    what, elsewhere = f"{name}, {case}", "2 to 12 ms without care"
    return Target(Group.PERFORMANCE, what, case, name, "<=", limit_ms, "ms", elsewhere)


_CASES = ("fifo-500Hz-expert", "fifo-500Hz-chromium")
TARGETS: tuple[Target, ...] = (
    *(_late(case, loop, figure, limit_ms)
      for case in _CASES
      for loop in ("servo", "guard")
      for figure, limit_ms in (("p99", 0.12), ("p99.9", 0.5))),
    *(Target(Group.PERFORMANCE, f"arm + servo + guard CPU, {case}", case,
             "arm + servo + guard CPU", "<=", 60.0, "%") for case in _CASES),
)  # fmt: skip


class TimingBench:
    """Lateness of the control loops."""

    name = "timing"
    title = "Lateness of the control loops beside video"
    module = "bench.timing.bench"
    targets: tuple[Target, ...] = TARGETS

    def run(self, case: Case) -> Measured:
        """Measure one case."""
        return measured(measure(msgspec.json.decode(case.config, type=Spec)))


BENCH = TimingBench()
