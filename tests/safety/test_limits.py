"""Limits: every field has a bound, widening needs a simulated arm, nothing passes the ends."""

from __future__ import annotations

import dataclasses
import json
import math
import random
from typing import Any

import pytest

from safety.bounds import ABSOLUTE, ORDERED, Wider
from safety.limits import DEFAULT, Limits, LimitsError, check, from_json, limits_hash, widened

SCALARS = [n for n in ABSOLUTE if not isinstance(getattr(DEFAULT, n), tuple | bool)]


def default_but(name: str, value: float) -> Limits:
    change: dict[str, Any] = {name: value}  # numbers of either kind
    return dataclasses.replace(DEFAULT, **change)


def test_every_limit_has_a_bound_and_the_default_lies_within() -> None:
    assert set(ABSOLUTE) == {f.name for f in dataclasses.fields(Limits)}
    check(DEFAULT, simulated=False)
    assert widened(DEFAULT) == []


@pytest.mark.parametrize("name", SCALARS)
def test_the_ends_are_ends_even_for_a_simulated_arm(name: str) -> None:
    bound = ABSOLUTE[name]
    for value in (bound.low - 1e-6, bound.high + 1e-6, math.nan, math.inf, -math.inf):
        with pytest.raises(LimitsError, match=name):
            check(default_but(name, value), simulated=True)


@pytest.mark.parametrize("name", [n for n in SCALARS if ABSOLUTE[n].wider != Wider.EITHER])
def test_widening_needs_a_simulated_arm_and_tightening_does_not(name: str) -> None:
    bound, default = ABSOLUTE[name], getattr(DEFAULT, name)
    wide = bound.high if bound.wider == Wider.UP else bound.low
    tight = bound.low if bound.wider == Wider.UP else bound.high
    ordered = {n for pair in ORDERED for n in pair}
    if wide != default:
        limits = default_but(name, wide)
        assert widened(limits) == [name]
        with pytest.raises(LimitsError, match=f"{name} = .*simulated"):
            check(limits, simulated=False)
        if name not in ordered:
            check(limits, simulated=True)
    limits = default_but(name, tight)
    assert widened(limits) == []
    if name not in ordered:
        check(limits, simulated=False)


@pytest.mark.parametrize(("low", "high"), ORDERED)
def test_pairs_keep_their_order(low: str, high: str) -> None:
    limits = default_but(low, getattr(DEFAULT, high) + 1)
    with pytest.raises(LimitsError):
        check(limits, simulated=True)


def test_the_workspace_may_shrink_but_not_grow_or_turn_over() -> None:
    check(dataclasses.replace(DEFAULT, workspace_min_m=(0.4, -0.1, 0.0)), simulated=False)
    with pytest.raises(LimitsError, match="workspace_min_m"):
        check(dataclasses.replace(DEFAULT, workspace_min_m=(0.2, -0.35, -0.05)), simulated=False)
    with pytest.raises(LimitsError, match="workspace"):
        check(dataclasses.replace(DEFAULT, workspace_min_m=(0.86, -0.3, 0.0)), simulated=True)
    flat = dataclasses.replace(DEFAULT, workspace_min_m=(0.85, -0.3, 0.0))
    with pytest.raises(LimitsError, match="is not below"):
        check(flat, simulated=True)
    with pytest.raises(LimitsError, match="3 numbers"):
        check(dataclasses.replace(DEFAULT, workspace_min_m=(0.4, 0.1)), simulated=True)


def test_the_automatic_lift_is_a_site_choice() -> None:
    limits = dataclasses.replace(DEFAULT, auto_lift=True)
    check(limits, simulated=False)
    assert widened(limits) == []


def test_hash_changes_with_every_field() -> None:
    hashes = {limits_hash(DEFAULT)}
    for name in SCALARS:
        hashes.add(limits_hash(default_but(name, getattr(DEFAULT, name) + 1)))
    assert len(hashes) == len(SCALARS) + 1


def test_json_round_trip_keeps_the_hash() -> None:
    text = json.dumps(dataclasses.asdict(DEFAULT))
    assert limits_hash(from_json(json.loads(text))) == limits_hash(DEFAULT)
    assert from_json({"loop_ms": 40}).loop_ms == 40.0


def test_a_thousand_bad_documents_are_refused_in_words() -> None:
    rng = random.Random(5)
    junk: list[object] = [None, "x", [], {}, True, [1, "a", 2], float("nan"), 1e999, -1, 10**30]
    refused = 0
    for _ in range(1500):
        name = rng.choice([*ABSOLUTE, "no_such_limit", ""])
        document = {name: rng.choice(junk)}
        try:
            check(from_json(document), simulated=True)
        except LimitsError:
            refused += 1
    assert refused > 1000
    others: tuple[object, ...] = (None, [], 3, "text")
    for other in others:
        with pytest.raises(LimitsError):
            from_json(other)
