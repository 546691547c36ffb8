"""Two sites that watch each other over a line that loses messages and processes that restart."""

from __future__ import annotations

import random

import msgspec
import pytest
from audit_samples import EXPERT_KEY, ROBOT_KEY, Site, exchange, join, signed_anew, site, talk

from teleop.audit.errors import ForeignLogError, ForkError
from teleop.audit.lines import Kind
from teleop.audit.verify import verify
from teleop.audit.witness import Seen, Shown, Witness, from_text, to_text


def pair() -> tuple[Site, Site]:
    robot, expert = site("demo/robot", ROBOT_KEY), site("console-1", EXPERT_KEY)
    for one in (robot, expert):
        one.add(Kind.OPENED)
    robot.add(Kind.LIMITS)
    exchange(robot, expert)
    return robot, expert


def shown_by(one: Site) -> Shown:
    one.log.sign(one.ms)
    shown = one.witness.present()
    assert shown is not None
    return shown


def test_lost_answers_and_restarts_do_not_end_the_exchange() -> None:
    """Whatever is lost: a few rounds later both sites have signed the newest head again."""
    chance = random.Random(1)
    robot, expert = pair()
    for number in range(300):
        robot.add(Kind.ACT, name="STOP", value=number)
        if chance.random() < 0.05:
            robot.witness = Witness(robot.log)  # the audit process was started anew
        if chance.random() < 0.05:
            expert.witness = Witness(expert.log)  # so was the console
        shown = shown_by(robot)
        if chance.random() < 0.3:
            continue  # lost on the way there
        seen = expert.witness.take(shown, expert.ms, expert.ms)
        if chance.random() < 0.3:
            continue  # lost on the way back
        robot.witness.countersigned(seen, robot.ms, robot.ms)
    for _ in range(2):
        exchange(robot, expert)
    assert robot.witness.confirmed == shown_by(robot).head.size - 1  # its own note of it is newer
    for one in (robot, expert):
        one.add(Kind.CLOSED)
        one.store()
    verdict = verify(robot.data, expert.data)
    assert verdict.good, verdict


def test_a_site_that_rewrites_its_past_is_found_at_once() -> None:
    _, expert = pair()
    liar = site("demo/robot", ROBOT_KEY)
    liar.add(Kind.OPENED, value=5)
    liar.add(Kind.LIMITS)
    for number in range(4):
        liar.add(Kind.ACT, name="STOP", value=number)
    liar.witness.confirmed = 2
    with pytest.raises(ForkError, match="entries before 2 were changed"):
        expert.witness.take(shown_by(liar), 1, 1)


def test_a_shorter_history_another_of_the_same_length_and_another_log_are_forks() -> None:
    robot, expert = pair()
    robot.add(Kind.ACT, name="STOP")
    exchange(robot, expert)
    short = site("demo/robot", ROBOT_KEY)
    short.add(Kind.OPENED)
    with pytest.raises(ForkError, match="went back"):
        expert.witness.take(shown_by(short), 1, 1)
    same = site("demo/robot", ROBOT_KEY)
    assert expert.witness.known is not None
    for _ in range(expert.witness.known.head.size):
        same.add(Kind.ACT, name="STOP")
    with pytest.raises(ForkError, match="two histories"):
        expert.witness.take(shown_by(same), 1, 1)
    stranger = site("other/robot", ROBOT_KEY)
    stranger.add(Kind.OPENED)
    with pytest.raises(ForkError, match="became other/robot"):
        expert.witness.take(shown_by(stranger), 1, 1)


def test_nothing_unsigned_is_signed_or_kept() -> None:
    robot, expert = pair()
    robot.add(Kind.ACT, name="STOP")
    size = expert.log.tree.size
    shown = shown_by(robot)
    forged = msgspec.structs.replace(shown, head=msgspec.structs.replace(shown.head, size=99))
    with pytest.raises(ForeignLogError, match="not signed"):
        expert.witness.take(forged, 1, 1)
    seen = expert.witness.take(shown, 1, 1)
    for wrong in (
        msgspec.structs.replace(seen, size=77),
        msgspec.structs.replace(seen, utc_s=seen.utc_s + 1),
        msgspec.structs.replace(seen, key=ROBOT_KEY.public),
        msgspec.structs.replace(seen, signature="AAAA"),
    ):
        with pytest.raises(ForeignLogError):
            robot.witness.countersigned(wrong, 1, 1)
    assert expert.log.tree.size == size + 1


def test_proofs_that_prove_nothing_are_not_believed() -> None:
    robot, expert = pair()
    robot.add(Kind.ACT, name="STOP")
    shown = shown_by(robot)
    for proof in ((), ("",), ("AAAA",) * 3, shown.proof[:-1], (*shown.proof, shown.proof[-1])):
        with pytest.raises(ForeignLogError):
            expert.witness.take(msgspec.structs.replace(shown, proof=tuple(proof)), 1, 1)
    expert.witness.take(shown, 1, 1)


def test_the_talk_reads_what_it_writes_and_refuses_everything_else() -> None:
    """1,500 bad texts: cut, changed, of another type, too deep, too long."""
    robot, expert = pair()
    robot.add(Kind.ACT, name="STOP")
    shown = shown_by(robot)
    seen = expert.witness.take(shown, 1, 1)
    good = [to_text(shown), to_text(seen)]
    for text, message in zip(good, (shown, seen), strict=True):
        assert from_text(text) == message
    chance = random.Random(2)
    for _ in range(1500):
        text = chance.choice(good)
        at = chance.randrange(len(text))
        way = chance.randrange(5)
        bad = (
            text[:at],
            text[:at] + chance.choice('{}[]",:\x00\ud800é') + text[at + 1 :],
            text.replace('"type"', '"kind"'),
            "[" * chance.randrange(1, 5000),
            text.replace(":0", f":{chance.choice(['-1', '1e400', 'null', '2' * 30])}", 1),
        )[way]
        try:
            found = from_text(bad)
        except ForeignLogError:
            continue
        assert isinstance(found, Shown | Seen)
        try:  # whatever can be read must still not be believed, unless nothing was changed
            if isinstance(found, Shown) and found != shown:
                Witness(expert.log).take(found, 1, 1)
                assert found.head == shown.head
            elif isinstance(found, Seen) and found != seen:
                robot.witness.countersigned(found, 1, 1)
                assert (found.size, found.signature) == (seen.size, seen.signature)
        except ForeignLogError:
            continue


def test_a_copy_signed_by_another_key_is_not_the_same_log() -> None:
    robot, expert = talk(2)
    data = join(signed_anew(robot.lines, EXPERT_KEY))
    assert not verify(data, expert.data).good
