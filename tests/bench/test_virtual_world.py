"""The virtual world itself: deterministic, honest about time, and a scan in it succeeds."""

from __future__ import annotations

import zlib
from dataclasses import replace

import pytest

from bench.clock import VirtualClock
from bench.world import World, WorldError, WorldOptions
from safety import messages as m
from safety.limits import Limits
from safety.states import State
from teleop.scripted.persons import Phase
from transport.impair import LinkProfile

MS = 1_000_000


def test_tasks_run_in_order_of_time_and_a_freeze_skips_slots() -> None:
    clock = VirtualClock(0)
    calls: list[tuple[str, int, int]] = []
    fast = clock.every("fast", 2 * MS, lambda now, late: calls.append(("fast", now, late)))
    clock.every("slow", 5 * MS, lambda now, late: calls.append(("slow", now, late)), 0.5)
    clock.run_to(6 * MS)
    assert [name for name, _, _ in calls] == ["fast", "fast", "slow", "fast", "fast"]
    clock.freeze(fast, 7 * MS)
    clock.run_to(20 * MS)
    after = [(now / MS, late / MS) for name, now, late in calls[5:] if name == "fast"]
    assert after == [(13, 5), (14, 0), (16, 0), (18, 0), (20, 0)]
    fast.paused = True
    clock.run_to(30 * MS)
    assert [now for name, now, _ in calls if name == "fast"][-1] == 20 * MS


def _fingerprint(seed: int, seconds: float) -> int:
    lossy = LinkProfile(3.0, 1.0, loss=0.01, burst=2.0)
    limits = replace(Limits(), qualify_s=1.0)
    world = World(WorldOptions(seed=seed, up=lossy, limits=limits))
    checksum = 0
    for _ in range(round(seconds / 0.01)):
        world.run_for(0.01)
        checksum = zlib.crc32(m.GUARD_REPORT.pack(world.site.report.value), checksum)
        checksum = zlib.crc32(m.ARM_STATE.pack(world.site.arm.value), checksum)
    world.close()
    return checksum


def test_the_same_seed_gives_the_same_world_bit_for_bit() -> None:
    assert _fingerprint(3, 2.5) == _fingerprint(3, 2.5)
    assert _fingerprint(3, 0.5) != _fingerprint(4, 0.5)


def test_a_world_that_does_not_get_there_says_where_it_stands() -> None:
    world = World()
    world.bedside.nurse.willing = False
    with pytest.raises(WorldError, match=r"QUALIFIED.*ALLOW_MOTION"):
        world.run_until(lambda: world.site.report.value.state == State.ARMED, 8.0)
    world.close()


def test_a_scan_over_a_lossy_link_holds_contact_and_force() -> None:
    """1 % random loss at a round trip of 12 ms: no stop in 4 s of scanning."""
    lossy = LinkProfile(delay_ms=5.0, jitter_ms=1.0, loss=0.01)
    limits = replace(Limits(), qualify_s=1.0)
    world = World(WorldOptions(seed=2, up=lossy, down=lossy, limits=limits))
    world.run_until(lambda: world.page.expert.phase == Phase.SCAN, 60.0)
    world.run_for(2.0)
    start_ns = world.clock.now_ns
    errors: list[float] = []
    for _ in range(400):
        world.run_for(0.01)
        errors.append(abs(world.site.arm.value.contact_force_n - 5.0))
    rows = world.trace.since(start_ns)
    assert {row.state for row in rows} == {State.ACTIVE}
    assert min(row.force_n for row in rows) > 1.0
    assert sorted(errors)[int(0.99 * len(errors))] < 1.0
    world.page.console.finish = True
    world.run_until(lambda: world.page.expert.phase == Phase.DONE, 20.0)
    world.run_for(0.5)
    assert world.site.report.value.state == State.HOLD
    assert world.site.arm.value.contact_force_n == 0.0
    world.close()
