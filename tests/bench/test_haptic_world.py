"""A haptic hand through the whole virtual system: touch, feel, lose the link, lift off."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bench.haptics.whole import HapticWorld
from bench.world import WorldOptions
from haptics.bilateral.choice import Coupling
from haptics.bilateral.mapping import Block
from haptics.bilateral.passivity import GRANT_J
from haptics.bilateral.touch_cap import TOUCH_N
from safety.states import Cause, ContactState, State
from teleop.scripted.persons import Phase
from transport.impair import LinkProfile


def world_of(delay_ms: float) -> HapticWorld:
    link = LinkProfile(delay_ms=delay_ms, jitter_ms=0.3)
    return HapticWorld(WorldOptions(up=link, down=link, video=link))


@pytest.fixture
def world() -> Iterator[HapticWorld]:
    built = world_of(3.0)
    yield built
    built.close()


@pytest.fixture
def far() -> Iterator[HapticWorld]:
    built = world_of(10.0)
    yield built
    built.close()


def touch(world: HapticWorld) -> None:
    world.run_until(lambda: world.site.servo_report.value.touch == 1, 30.0)


def feel(world: HapticWorld) -> None:
    """Until the hand's own reference counts."""
    world.run_until(lambda: world.haptic.out is not None and world.haptic.out.touch_echo == 1)


def approach(world: HapticWorld, coupling: Coupling) -> None:
    """Down to the skin; on the way the coupling fits the link and the filter's lag counts."""
    world.run_until(lambda: world.site.report.value.state is State.ACTIVE, 30.0)
    assert world.haptic.coupling is coupling
    world.run_for(1.5)
    report, out = world.site.report.value, world.haptic.out
    assert out is not None
    rtt_ms = world.haptic.meter.rtt_ms(world.clock.now_ns)
    assert report.age_ms == pytest.approx(rtt_ms + out.lag_s * 1e3, abs=6.0)
    assert out.lag_s > 0.0
    assert report.age_ms < world.options.limits.slot_late_ms
    touch(world)


def test_a_touch_is_felt_held_and_left(world: HapticWorld) -> None:
    approach(world, Coupling.REFLECTION)
    servo, page = world.site.servo_report, world.haptic
    peak = 0.0
    for _ in range(40):
        world.run_for(0.01)
        peak = max(peak, servo.value.force_filtered_n)
        if page.out is not None and page.out.touch_echo == 1:
            break
        assert servo.value.force_ref_n <= TOUCH_N + 0.05, "not felt yet: the robot's own force"
    assert peak <= 1.5 * TOUCH_N
    world.run_for(2.5)
    assert servo.value.contact is ContactState.PRESS
    assert world.site.report.value.state is State.ACTIVE
    assert servo.value.force_filtered_n > 1.0
    assert page.out is not None
    wrong = page.out.felt_n - page.loop.scales.force * servo.value.force_filtered_n
    assert abs(wrong) < 0.5, "felt as it is, scaled"
    page.person.finish = True
    world.run_until(lambda: page.expert.phase is Phase.DONE, 15.0)
    left = servo.value
    assert left.contact is ContactState.FREE
    assert page.figures.port_low_j >= -GRANT_J - 1e-3, "the hand was never pushed"


def test_a_lost_link_lets_go_fades_the_force_and_adds_none(far: HapticWorld) -> None:
    approach(far, Coupling.MODEL)
    feel(far)
    far.run_for(1.0)
    before = far.site.servo_report.value.force_filtered_n
    far.cut_link()
    peak = 0.0
    for _ in range(100):
        far.run_for(0.01)
        peak = max(peak, far.site.servo_report.value.force_filtered_n)
    assert peak <= before + 1.0
    out = far.haptic.out
    assert out is not None
    assert not out.deadman
    assert out.reason in (Block.PICTURE, Block.PATH), "whatever was missed first"
    assert out.felt_n == 0.0
    assert far.site.report.value.state is not State.ACTIVE
    assert Cause.NONE is not far.site.report.value.first_out


def test_a_hidden_window_lets_go(world: HapticWorld) -> None:
    world.run_until(lambda: world.site.report.value.state is State.ACTIVE, 30.0)
    world.stop_media()
    world.run_for(0.4)
    assert world.haptic.out is not None
    assert not world.haptic.out.deadman
