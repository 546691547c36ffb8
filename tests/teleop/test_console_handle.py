"""The native console: echoes, repeated samples, flags, link figures, blocks, its loop process."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from haptics.bilateral.choice import Coupling
from haptics.bilateral.mapping import Block
from safety.frame import unpack
from safety.states import State
from teleop.cli.app import app
from teleop.console.errors import ConsoleError
from teleop.console.loop import NETWORK_SILENT_NS, from_robot
from teleop.console.messages import (
    HAND_FILE,
    HAND_SIDE,
    PERSON_FILE,
    ROBOT_FILE,
    ROBOT_SIDE,
    SIM_PERSON,
    HandSide,
    RobotSide,
    SimPerson,
)
from teleop.console.run import door_of
from teleop.console.view import (
    SILENT_NS,
    Beat,
    Composer,
    LinkMeter,
    Shown,
    block_of,
    robot_side,
)
from teleop.console.window import Window
from transport.local.clock import now_ns, sleep_until
from transport.local.mailbox import Mailbox, create

ROOT = Path(__file__).parent.parent.parent
MS = 1_000_000
HAND = HandSide(
    stamp_ns=1000 * MS, p_m=(0.0, 0.0, 0.01), r_rad=(0.0,) * 3, v_m_s=(0.0,) * 3,
    w_rad_s=(0.0,) * 3, force_ref_n=3.0, deadman=True, deadman_edges=2, reason=Block.NONE,
    clutch=False, touch_echo=3, lag_s=0.010, felt_n=1.5, rendering=True, reflecting=False,
    port_j=0.01, rendered_stamp_ns=990 * MS, rendered_ns=998 * MS, cycle=1, overruns=0, late_us=0.0,
)  # fmt: skip
SHOWN = Shown(State.ACTIVE, 12.0, (0.5, 0.0, 0.2), (1.0, 0.0, 0.0, 0.0))


def composer() -> Composer:
    made = Composer(session=5, limits_hash=9, sequence=100)
    for i in range(20):
        made.beat(Beat(heard_ns=(960 + 2 * i) * MS, stamp_ns=(500 + 2 * i) * MS, nonce=i, epoch=7))
    made.seen(1234, 980 * MS)
    return made


def test_the_echo_is_older_by_the_filter_lag() -> None:
    frame = unpack(composer().compose(HAND, HAND.stamp_ns) or b"")
    assert frame.echo_ns == 530 * MS, "heard at 990 ms: sampled at 1000 ms, less 10 ms of lag"
    later = replace(HAND, lag_s=0.0)
    assert unpack(composer().compose(later, HAND.stamp_ns) or b"").echo_ns == 538 * MS
    assert (frame.frame_id, frame.dwell_us) == (1234, 20_000)
    assert (frame.haptic_echo_us, frame.haptic_dwell_us) == (990_000, 2_000)
    assert frame.handle
    assert frame.touch_echo == 3
    assert (frame.deadman, frame.clutch, frame.deadman_edges) == (True, False, 2)


def test_a_repeated_sample_keeps_its_old_echo() -> None:
    made = composer()
    first = unpack(made.compose(HAND, HAND.stamp_ns) or b"")
    made.beat(Beat(1001 * MS, 600 * MS, 99, 7))
    again = unpack(made.compose(HAND, 1005 * MS) or b"")
    assert again.seq == first.seq + 1
    assert replace(again, seq=first.seq) == first


def test_nothing_is_sent_before_a_heartbeat_and_no_touch_has_no_number() -> None:
    assert Composer(1, 2, 3).compose(HAND, HAND.stamp_ns) is None
    frame = unpack(composer().compose(replace(HAND, touch_echo=-1), HAND.stamp_ns) or b"")
    assert frame.touch_echo == -1


def test_loss_and_round_trip_are_measured() -> None:
    meter = LinkMeter()
    assert meter.rtt_ms(0) == -1.0
    assert meter.lag_max_s(0) == 0.002, "unknown: as little filter as can be"
    for number in range(0, 400, 2):
        meter.frame(number)
    assert meter.loss == pytest.approx(0.5, abs=0.01)
    meter.frame(3)  # a gateway that counts anew
    assert meter.loss == 0.0
    for i in range(100):
        meter.age(i * MS, 25.0, 5.0)
    assert meter.rtt_ms(200 * MS) == 20.0
    assert meter.lag_max_s(200 * MS) == pytest.approx(0.016)


def test_what_forbids_driving() -> None:
    now, stale = 10_000 * MS, 150 * MS
    assert block_of(now, 0, now, stale) is Block.PATH
    assert block_of(now, now - SILENT_NS - 1, now, stale) is Block.PATH
    assert block_of(now, now, 0, stale) is Block.PICTURE
    assert block_of(now, now, now - stale - 1, stale) is Block.PICTURE
    assert block_of(now, now, now - stale, stale) is Block.NONE


def side(now: int, **changes: object) -> RobotSide:
    built = robot_side(now, None, now, SHOWN, Coupling.MODEL, Block.NONE, 50.0, 0.02)
    return replace(built, **changes)  # type: ignore[arg-type]


def test_a_silent_network_process_stops_everything() -> None:
    now = 5_000 * MS
    fresh = from_robot(side(now, force_valid=True), now + NETWORK_SILENT_NS)
    assert fresh.moving
    assert fresh.block is Block.NONE
    old = from_robot(side(now, force_valid=True), now + NETWORK_SILENT_NS + 1)
    assert (old.moving, old.leg_ok, old.block) == (False, False, Block.PATH)
    assert from_robot(None, now).block is Block.PATH


def test_a_late_leg_or_an_invalid_force_is_not_rendered() -> None:
    now = 5_000 * MS
    assert from_robot(side(now, force_valid=True, leg_ms=49.0), now).leg_ok
    assert not from_robot(side(now, force_valid=True, leg_ms=51.0), now).leg_ok
    assert not from_robot(side(now, force_valid=False, leg_ms=10.0), now).leg_ok


def test_window_messages() -> None:
    seen: list[int] = []
    events: list[tuple[str, int]] = []
    window = Window(seen.append, lambda name, arg: events.append((name, arg)))
    window.hear('{"seen": 4294967295}')
    window.hear('{"event": "MARK_ANSWER", "arg": 1234}')
    for bad in ("", "[]", "{}", '{"seen": "x"}', '{"event": 1, "arg": []}', "1", "null"):
        window.hear(bad)
    assert seen == [4294967295]
    assert events[0] == ("MARK_ANSWER", 1234)
    assert window.unreadable == 7


def test_addresses() -> None:
    door = door_of("http://127.0.0.1:8443/console#code=ABCD-EFGH")
    assert (door.origin, door.code) == ("http://127.0.0.1:8443", "ABCD-EFGH")
    for bad in ("", "127.0.0.1", "ftp://x/#code=A", "http://127.0.0.1:1/console"):
        with pytest.raises(ConsoleError, match="teleop demo"):
            door_of(bad)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["--handle", "none"], "known handles: sim"), (["--handle", "sim"], "--auto"),
     (["--auto", "5"], "either"), (["--auto", "5", "nonsense"], "teleop demo"),
     (["--lang", "fr"], "en and zh")],
)  # fmt: skip
def test_wrong_usage_says_what_to_do(arguments: list[str], words: str) -> None:
    done = CliRunner().invoke(app, ["console", *arguments])
    assert done.exit_code == 2
    assert words in done.output


@pytest.mark.process
def test_the_loop_feels_a_surface_and_leaves_with_its_pipe(tmp_path: Path) -> None:
    """The real loop process: told to press, it meets the model; the pipe's end ends it."""
    files = ((ROBOT_FILE, ROBOT_SIDE), (HAND_FILE, HAND_SIDE), (PERSON_FILE, SIM_PERSON))
    for name, layout in files:
        create(tmp_path / name, layout.size)
    robot, person = (
        Mailbox(tmp_path / ROBOT_FILE, ROBOT_SIDE), Mailbox(tmp_path / PERSON_FILE, SIM_PERSON)
    )  # fmt: skip
    hands = Mailbox(tmp_path / HAND_FILE, HAND_SIDE)
    theirs, ours = os.pipe()
    command = [sys.executable, "-m", "teleop.console.loop", "--dir", str(tmp_path)]
    command += ["--handle", "sim", "--life", str(theirs)]
    process = subprocess.Popen(command, pass_fds=(theirs,), cwd=ROOT)
    os.close(theirs)
    try:
        felt = _press(robot, person, hands, process)
    finally:
        os.close(ours)
    assert process.wait(10) == 0
    assert felt > 0.5


def _press(
    robot: Mailbox[RobotSide],
    person: Mailbox[SimPerson],
    hands: Mailbox[HandSide],
    process: subprocess.Popen[bytes],
) -> float:
    """Play the network side for up to 20 s; return the largest force that was felt."""
    felt, end = 0.0, now_ns() + 20_000 * MS
    while now_ns() < end and felt <= 0.5 and process.poll() is None:
        newest = hands.read()
        hand = newest[1] if newest else None
        # A pause of this process ends what is driven: let go now and then, and press again.
        down = hand is not None and (hand.deadman or hand.cycle % 400 > 50)
        person.write(SimPerson(down, 2.0, 0.03 if hand is not None and hand.deadman else 0.0))
        contact = hand is not None and hand.p_m[2] > 0.003
        robot.write(
            side(now_ns(), contact=contact, touch=1, force_n=2.0, force_ref_n=2.0,
                 stiffness_n_m=800.0, force_valid=True, leg_ms=5.0)
        )  # fmt: skip
        felt = max(felt, hand.felt_n if hand is not None and contact else 0.0)
        sleep_until(now_ns() + 2 * MS)
    return felt


def test_the_example_of_an_own_handle_runs_and_is_short() -> None:
    example = ROOT / "examples" / "own_handle.py"
    assert len(example.read_text("utf-8").splitlines()) < 60
    done = subprocess.run(
        [sys.executable, str(example)], cwd=ROOT, capture_output=True, text=True, check=False,
        env={"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "the hand feels 0.3 N" in done.stdout
