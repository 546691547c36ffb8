"""Every generated edit, deletion, reorder, truncation and fork is found."""

from __future__ import annotations

import random
from functools import cache

import pytest
from audit_samples import (
    EXPERT_KEY,
    edited,
    edited_entry,
    entries,
    exchange,
    join,
    signed_anew,
    site,
    talk,
)

from teleop.audit import lines as log_lines
from teleop.audit.lines import Header, Kind, to_line
from teleop.audit.read import Fault, StoredLog, parse
from teleop.audit.verify import reconcile, verify, verify_one
from teleop.audit.witness import Witness
from transport import identity
from transport.identity import DeviceKey

CASES = 1000
ROBOT, EXPERT = talk(3)
LINES = ROBOT.lines
KNOWN = parse(EXPERT.data)
WITNESSED = max(e.value for e, _ in KNOWN.entries if e.kind == "witnessed")
"""Entries of the robot's log that the expert's site saw."""


@pytest.fixture(autouse=True)
def _each_signature_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Verifying is a pure function: thousands of cases share the signatures that they kept."""
    monkeypatch.setattr(log_lines, "is_signed", cache(identity.is_signed))


def faults(data: bytes) -> set[Fault]:
    return {finding.fault for finding in verify_one(data)}


def by_the_other_site(lines: list[bytes]) -> set[Fault]:
    """What the expert's log shows about a robot's log that its owner signed anew."""
    stored: StoredLog = parse(join(lines))
    assert not stored.found
    return {finding.fault for finding in reconcile(stored, KNOWN).a}


def test_two_honest_logs_agree() -> None:
    verdict = verify(ROBOT.data, EXPERT.data)
    assert verdict.good, (verdict.a, verdict.b)
    assert verdict.witnessed_a >= len(entries(LINES)) - 5
    assert verdict.witnessed_b > 0
    assert verify(EXPERT.data, ROBOT.data).good


def test_every_edit_of_a_byte_is_found() -> None:
    chance = random.Random(1)
    for _ in range(CASES):
        assert faults(join(edited(LINES, chance)))


def test_every_deletion_of_lines_is_found() -> None:
    chance = random.Random(2)
    for _ in range(CASES):
        start = chance.randrange(1, len(LINES))
        count = chance.randrange(1, 6)
        rest = LINES[:start] + LINES[start + count :]
        found = faults(join(rest))
        wanted = {Fault.DELETED, Fault.TRUNCATED, Fault.OPEN_END}
        assert found & wanted, (start, count, found)


def test_every_other_order_of_lines_is_found() -> None:
    chance = random.Random(3)
    for _ in range(CASES):
        lines = list(LINES)
        source, target = chance.sample(range(1, len(lines)), 2)
        lines.insert(target, lines.pop(source))
        found = faults(join(lines))
        assert found & {Fault.REORDERED, Fault.DELETED}, (source, target, found)


def test_every_truncation_is_found() -> None:
    chance = random.Random(4)
    whole = ROBOT.data
    for _ in range(CASES):
        cut = chance.randrange(len(whole))
        found = faults(whole[:cut])
        assert found & {Fault.TRUNCATED, Fault.OPEN_END, Fault.DAMAGED}, (cut, found)
    for lines in range(1, len(LINES)):  # at the end of every line, which is the harder case
        assert faults(join(LINES[:lines])) & {Fault.TRUNCATED, Fault.OPEN_END}, lines


def test_what_the_owner_of_the_key_rewrites_is_found_by_the_other_site() -> None:
    """Edits, deletions and reorders before the last head that the other site saw."""
    chance = random.Random(5)
    places = entries(LINES)[:WITNESSED]
    for _ in range(CASES):
        assert Fault.FORKED in by_the_other_site(
            signed_anew(edited_entry(LINES, chance, WITNESSED))
        )
    for _ in range(CASES):
        lines = list(LINES)
        del lines[chance.choice(places)]
        assert by_the_other_site(signed_anew(lines)) & {Fault.FORKED, Fault.TRUNCATED}
    for _ in range(CASES):
        lines = list(LINES)
        one, two = chance.sample(places, 2)
        lines[one], lines[two] = lines[two], lines[one]
        assert Fault.FORKED in by_the_other_site(signed_anew(lines))


def test_what_the_owner_of_the_key_cuts_off_is_found_by_the_other_site() -> None:
    chance = random.Random(6)
    places = entries(LINES)
    closing = LINES[places[-1]]
    for _ in range(CASES):
        kept = chance.randrange(1, WITNESSED - 1)
        lines = [*LINES[: places[kept]], closing, LINES[-1]]
        found = by_the_other_site(signed_anew(lines))
        assert found & {Fault.TRUNCATED, Fault.FORKED}, (kept, found)


def test_every_fork_is_found() -> None:
    """Two histories with one beginning, each signed: shown to the other site, and as two copies."""
    chance = random.Random(7)
    places = entries(LINES)
    original = parse(ROBOT.data)
    for _ in range(CASES):
        at = chance.randrange(1, WITNESSED)
        other = [*LINES[: places[at]], *(LINES[i] for i in reversed(places[at:])), LINES[-1]]
        if places[at:] == places[-1:]:
            continue
        forged = parse(join(signed_anew(other)))
        assert {f.fault for f in reconcile(forged, KNOWN).a} & {Fault.FORKED, Fault.TRUNCATED}
        assert Fault.FORKED in {f.fault for f in reconcile(forged, original).a}


def test_an_edit_names_the_entries_and_the_head() -> None:
    lines = edited_entry(LINES, random.Random(8), 3)
    found = verify_one(join(lines))
    assert found[0].fault is Fault.EDITED
    assert "head 0 was signed over" in str(found[0])


@pytest.mark.parametrize(("at", "fault"), [(2, Fault.DELETED), (-1, Fault.TRUNCATED)])
def test_one_missing_line_is_called_by_its_name(at: int, fault: Fault) -> None:
    lines = list(LINES)
    del lines[at]
    assert verify_one(join(lines))[0].fault is fault


def test_a_killed_session_is_told_apart_from_a_closed_one() -> None:
    robot, _ = talk(closed=False)
    assert [f.fault for f in verify_one(robot.data)] == [Fault.OPEN_END]


def test_the_other_site_cannot_drop_what_it_signed() -> None:
    """The expert's site loses its end: the robot holds its signatures."""
    places = entries(EXPERT.lines)
    lines = [*EXPERT.lines[: places[4]], EXPERT.lines[places[-1]], EXPERT.lines[-1]]
    verdict = verify(ROBOT.data, join(signed_anew(lines, EXPERT_KEY)))
    assert Fault.TRUNCATED in {f.fault for f in (*verdict.a, *verdict.b)}


def test_an_engagement_that_only_the_expert_saw_is_a_contradiction() -> None:
    robot, expert = talk(closed=False)
    expert.add(Kind.ENGAGED, value=99, detail="7")
    expert.add(Kind.CLOSED)
    expert.store()
    robot.add(Kind.CLOSED)
    robot.store()
    verdict = verify(robot.data, expert.data)
    assert [f.fault for f in verdict.a] == [Fault.CONTRADICTION]
    assert "engaged 99" in verdict.a[0].text


def test_logs_of_strangers_do_not_pass_for_a_pair() -> None:
    robot, _ = talk(1)
    stranger = site("console-9", EXPERT_KEY)
    stranger.add(Kind.OPENED)
    stranger.add(Kind.CLOSED)
    stranger.store()
    assert Fault.UNRELATED in {f.fault for f in verify(robot.data, stranger.data).a}


def test_another_key_under_the_same_name_is_found() -> None:
    lines = signed_anew([to_line(Header(1, "demo/robot", EXPERT_KEY.public)), *LINES[1:]],
                        EXPERT_KEY)  # fmt: skip
    assert Fault.KEY in {f.fault for f in verify(join(lines), EXPERT.data).a}


def test_the_reader_survives_what_is_no_log() -> None:
    """Random bytes, broken lines, lines of another kind: findings, never an exception."""
    chance = random.Random(9)
    pieces = [*LINES, b"", b"{}", b"null", b"\xff\xfe", b'{"line":"entry"}', b"[" * 5000]
    for _ in range(1500):
        made = b"\n".join(chance.choice(pieces) for _ in range(chance.randrange(6)))
        data = made if chance.random() < 0.7 else chance.randbytes(chance.randrange(200))
        assert verify_one(data)
        if chance.random() < 0.1:
            verify(LINES[0] + b"\n" + data, EXPERT.data)


def test_visits_to_another_robot_are_no_contradiction() -> None:
    """One expert's log, two robots: what only the other robot did is not missed here."""
    robot, expert = talk(2, closed=False)
    other = site("other/robot", DeviceKey(b"\x09" * 32))
    other.add(Kind.LIMITS)
    expert.witness = Witness(expert.log)
    expert.add(Kind.JOINED)
    expert.add(Kind.ENGAGED, value=77, detail="1")
    other.add(Kind.ENGAGED, value=77, detail="1")
    exchange(other, expert)
    for one in (robot, other, expert):
        one.add(Kind.CLOSED)
        one.store()
    for one in (robot, other):
        verdict = verify(one.data, expert.data)
        assert verdict.good, verdict


def test_the_spare_bits_of_a_signature_are_not_free() -> None:
    """The last letter of 64 bytes in base64 has four bits that mean nothing."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    last = ROBOT.data.rindex(b'"}')
    letter = letters.index(chr(ROBOT.data[last - 1]))
    other = letters[letter ^ 1].encode()
    changed = ROBOT.data[: last - 1] + other + ROBOT.data[last:]
    assert faults(changed) == {Fault.EDITED}
