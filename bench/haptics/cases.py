"""Cases and targets of `teleop bench haptics`."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from bench.kit.model import Case, Group, Param, Target

STIFFNESS_N_M = (300.0, 1000.0, 3000.0)
RTT_MS = (0.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 400.0, 700.0, 1000.0)
RTT_QUICK_MS = (0.0, 10.0, 100.0, 1000.0)
GRIPS_N_M = (100.0, 300.0, 1000.0)
"""Hand stiffness: loose, normal, firm."""
SCHEMES = {
    "product": "automatic choice of reflection and local model",
    "model": "local model at every delay",
    "ports": "position-force with passivity control at both ports, both scales 0.5",
    "naive": "naive position-force reflection 1:1 (ablation)",
}
JITTER_MS = 30.0
LOSS = 0.05
STIFFEST = 3000.0


class Spec(msgspec.Struct, frozen=True):
    """Parameters of a case."""

    kind: str
    scheme: str = "product"
    stiffness_n_m: float = 1000.0
    rtt_ms: tuple[float, ...] = RTT_MS
    grips_n_m: tuple[float, ...] = (300.0,)
    jitter_ms: float = JITTER_MS
    loss: float = LOSS
    seconds: float = 8.0
    repeats: int = 1
    seed: int = 1


def _case(key: str, title: str, spec: Spec, expected_s: float) -> Case:
    params = (
        Param("stiffness", f"{spec.stiffness_n_m:g} N/m"),
        Param("jitter", f"{spec.jitter_ms:g} ms each way"),
        Param("loss", f"{spec.loss * 100:g} %"),
    )
    return Case(
        key, title, params, msgspec.json.encode(spec), spec.seed, expected_s, exclusive=False,
        baseline=spec.scheme in ("naive", "ports", "no_touch_cap"),
    )  # fmt: skip


def plan(quick: bool, seed: int) -> list[Case]:
    """All cases; `quick`: fewer delays, grips and moments."""
    return [*_stability(quick, seed), *_others(quick, seed)]


def _stability(quick: bool, seed: int) -> Iterator[Case]:
    schemes = ("product", "naive") if quick else tuple(SCHEMES)
    rtts = RTT_QUICK_MS if quick else RTT_MS
    grips = (300.0,) if quick else GRIPS_N_M
    for scheme in schemes:
        for k in STIFFNESS_N_M:
            spec = Spec(
                "stability", scheme, k, rtts, grips, seed=seed, seconds=6.0 if quick else 10
            )
            yield _case(
                f"stability/{scheme}/{k:g}", f"{SCHEMES[scheme]}, {k:g} N/m", spec,
                len(rtts) * len(grips) * (0.5 if scheme in ("naive", "ports") else 2.0),
            )  # fmt: skip


def _others(quick: bool, seed: int) -> Iterator[Case]:
    few = (100.0,) if quick else (0.0, 10.0, 20.0, 50.0, 100.0)
    for k in (1000.0,) if quick else STIFFNESS_N_M:
        spec = Spec(
            "transparency", "product", k, few, jitter_ms=2.0, loss=0.01, seed=seed,
            seconds=8.0 if quick else 16.0,
        )  # fmt: skip
        yield _case(f"transparency/{k:g}", f"Felt force and stiffness, {k:g} N/m", spec, 10.0)
    short = Spec("packets", rtt_ms=(30.0,), jitter_ms=2.0, loss=0.01, seed=seed, seconds=12.0)
    yield _case("packets", "Packets against 1 kHz, keep-alive included", short, 4.0)
    yield _case("hand", "Tremor filter and its lag", Spec("hand", seed=seed), 2.0)
    moments = Spec(
        "link_lost", rtt_ms=(30.0,), jitter_ms=2.0, loss=0.0, repeats=6 if quick else 40, seed=seed,
        stiffness_n_m=STIFFEST, seconds=6.0,
    )  # fmt: skip
    yield _case("link_lost", "Link lost at any moment of a touch", moments, moments.repeats * 1.5)
    cap = Spec("stability", "no_touch_cap", STIFFEST, (300.0,), seed=seed, seconds=6.0)
    yield _case("stability/no_touch_cap/3000", "Without the robot's touch cap (ablation)", cap, 3.0)


def _targets() -> Iterator[Target]:
    for k in STIFFNESS_N_M:
        key = f"stability/product/{k:g}"
        name = f"k {k:g} N/m, RTT to 1000 ms, jitter 30 ms, loss 5 %"
        yield Target(Group.EFFECT, f"unstable cases, {name}", key, "unstable", "<=", 0.0, "",
                     "naive reflection: unstable from 5 ms at 1000 N/m")  # fmt: skip
        yield Target(Group.SAFETY, f"energy of the hand's port, {name}", key, "port energy", ">=",
                     -1.0, "mJ")  # fmt: skip
        yield Target(Group.SAFETY, f"peak force of touch and hold, {name}", key, "peak", "<=", 1.5,
                     "x reference", "reflection 2 to 5")  # fmt: skip
        key = f"transparency/{k:g}"
        yield Target(Group.EFFECT, f"felt force error, k {k:g} N/m, RTT to 100 ms", key,
                     "felt error", "<=", 0.2, "N rms")  # fmt: skip
        yield Target(Group.EFFECT, f"felt stiffness error, k {k:g} N/m, RTT to 100 ms", key,
                     "stiffness error", "<=", 20.0, "%")  # fmt: skip
    yield Target(Group.EFFECT, "force leg, packets saved", "packets", "force saved", ">=", 88.0,
                 "%", "90 % published without keep-alive")  # fmt: skip
    yield Target(Group.EFFECT, "command leg, packets saved", "packets", "commands saved", ">=",
                 79.0, "%")  # fmt: skip
    yield Target(Group.EFFECT, "felt coding error beyond the deadband", "packets",
                 "force beyond deadband", "<=", 0.0, "N")  # fmt: skip
    yield Target(Group.EFFECT, "tremor at rest", "hand", "tremor damping", ">=", 12.0, "dB")
    yield Target(Group.PERFORMANCE, "filter lag in motion", "hand", "lag", "<=", 20.0, "ms")
    yield Target(Group.SAFETY, "force added by a lost link", "link_lost", "added force", "<=", 1.0,
                 "N")  # fmt: skip


TARGETS = tuple(_targets())
