"""The plan of the fault bench."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from bench.faults.model import Group
from bench.faults.outages import EDGES_MS
from bench.faults.real.cases import REPEATS, real_cases
from bench.faults.site import in_words
from bench.faults.spec import Kind, Spec
from bench.faults.table import TABLE
from bench.kit.model import Case, Param

SINGLE_S, PAIR_S = 0.4, 0.15
"""Wall time of an injection on a modest core; for the time that is left."""
WARM_S = 6.0
SHARD = 1000
"""Pairs per case: a run is parallel and resumable by cases."""
SOAK_S = 900.0
ATTACK_S = 2e-5
KINDS = 8
DELAYS_MS = (5.0, 10.0)
OUTAGES = 40
"""Of each span of lengths."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command line selected."""

    quick: bool = False
    seed: int = 1
    repeats: int = 20
    pairs: int = 2000
    frames: int = 1_000_000
    stops: int = 1000
    hours: float = 0.0
    virtual: bool = True
    real: bool = True
    control_hz: int = 500
    faults: tuple[str, ...] = ()
    """Parts of fault names."""
    real_repeats: int = REPEATS
    limits: str = ""
    """A site's own limits."""


def case_of(key: str, title: str, spec: Spec, expected_s: float) -> Case:
    """A case of the virtual clock."""
    params = (Param("control_hz", str(spec.control_hz)), Param("count", str(spec.count)),
              Param("limits", in_words(spec.limits)))  # fmt: skip
    return Case(key, title, params, msgspec.json.encode(spec), spec.seed, expected_s, False)


def plan(wanted: Wanted) -> list[Case]:
    """Singles by group, pairs by shard, then what is left of the soak."""
    if wanted.hours > 0.0:
        return _soak(wanted)
    virtual = [*_singles(wanted), *_pairs(wanted), *_others(wanted)] if wanted.virtual else []
    real = (
        real_cases(wanted.quick, wanted.seed, wanted.real_repeats, wanted.limits)
        if wanted.real
        else []
    )
    return [*virtual, *(case for case in real if _named(wanted, case.title))]


def _named(wanted: Wanted, name: str) -> bool:
    return not wanted.faults or any(word in name for word in wanted.faults)


def _singles(wanted: Wanted) -> list[Case]:
    cases = []
    for group in Group:
        names = [f.name for f in TABLE if f.group is group and _named(wanted, f.name)]
        if not names:
            continue
        spec = Spec(Kind.SINGLE, group.value, 0, wanted.repeats, 0.0, wanted.seed,
                    wanted.control_hz, wanted.faults, limits=wanted.limits)  # fmt: skip
        title = f"single faults: {group.value} ({len(names)} faults, {wanted.repeats} times each)"
        seconds = WARM_S + SINGLE_S * len(names) * wanted.repeats
        cases.append(case_of(f"single-{group.value}", title, spec, seconds))
    return cases


def _pairs(wanted: Wanted) -> list[Case]:
    cases = []
    for first in range(0, wanted.pairs, SHARD):
        count = min(SHARD, wanted.pairs - first)
        spec = Spec(Kind.PAIR, "", first, count, 0.0, wanted.seed, wanted.control_hz,
                    wanted.faults, limits=wanted.limits)  # fmt: skip
        title = f"pairs of faults {first + 1} to {first + count}"
        cases.append(case_of(f"pairs-{first + 1:06d}", title, spec, WARM_S + PAIR_S * count))
    return cases


def _soak(wanted: Wanted) -> list[Case]:
    """Pairs with numbers that no other run uses, a quarter of an hour per case."""
    cases = []
    for index in range(max(1, round(wanted.hours * 3600.0 / SOAK_S))):
        first = (index + 1) * 1_000_000
        seconds = min(SOAK_S, wanted.hours * 3600.0)
        spec = Spec(Kind.SOAK, "", first, 0, seconds, wanted.seed, wanted.control_hz,
                    wanted.faults, limits=wanted.limits)  # fmt: skip
        title = f"soak {index + 1}: pairs for {seconds / 60.0:.0f} min"
        cases.append(case_of(f"soak-{index + 1:04d}", title, spec, seconds))
    return cases


def _others(wanted: Wanted) -> list[Case]:
    """Stops in every state, the way back, frames at the gate."""
    if wanted.faults:
        return []
    hz, seed, limits = wanted.control_hz, wanted.seed, wanted.limits
    returns = 2 if wanted.quick else 20
    stop = Spec(Kind.STOP, count=wanted.stops, seed=seed, control_hz=hz, limits=limits)
    back = Spec(Kind.RETURN, count=returns, seed=seed, control_hz=hz, limits=limits)
    held = Spec(Kind.BRAKED, count=returns, seed=seed, control_hz=hz, limits=limits)
    frames = Spec(Kind.ATTACK, count=wanted.frames, seed=seed, control_hz=hz, limits=limits)
    return [
        case_of("bedside-stop", f"bedside stop in every state, {wanted.stops} presses", stop,
                2 * WARM_S + 0.12 * wanted.stops),
        case_of("return", f"back after 3 s without a link, {returns} times", back,
                WARM_S + 6.0 * returns),
        case_of("braked", f"braked in contact, then breathing, {returns} times", held,
                WARM_S + 5.0 * returns),
        case_of("attack", f"attack frames at the gate, {wanted.frames} of each kind", frames,
                ATTACK_S * KINDS * wanted.frames),
        *(_outages(wanted, delay_ms) for delay_ms in DELAYS_MS[: 1 if wanted.quick else None]),
    ]  # fmt: skip


def _outages(wanted: Wanted, delay_ms: float) -> Case:
    count = 2 if wanted.quick else OUTAGES
    spec = Spec(Kind.OUTAGES, count=count, seed=wanted.seed, control_hz=wanted.control_hz,
                delay_ms=delay_ms, limits=wanted.limits)  # fmt: skip
    title = f"stops per hour by rare outages, {2 * delay_ms:g} ms round trip"
    seconds = WARM_S + SINGLE_S * count * (len(EDGES_MS) - 1)
    return case_of(f"outages-rtt{2 * delay_ms:g}", title, spec, seconds)
