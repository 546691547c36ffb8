"""Two sites that talk for a while, and what a liar may do to the log of one of them."""

from __future__ import annotations

import random
from dataclasses import dataclass

import msgspec

from teleop.audit.lines import Entry, Header, Kind, from_line, sign_head, to_line
from teleop.audit.log import Log
from teleop.audit.merkle import Tree
from teleop.audit.witness import Witness
from transport.identity import DeviceKey

ROBOT_KEY, EXPERT_KEY = DeviceKey(b"\x01" * 32), DeviceKey(b"\x02" * 32)
START_MS = 1_790_000_000_000


@dataclass
class Site:
    """One site with its stored lines."""

    log: Log
    witness: Witness
    lines: list[bytes]
    ms: int = START_MS

    def add(self, kind: Kind, **content: str | int) -> None:
        self.ms += 137
        self.log.add(kind, self.ms, self.ms * 1000, **content)  # type: ignore[arg-type]

    def store(self) -> None:
        self.log.sign(self.ms)
        self.lines += self.log.take_lines()

    @property
    def data(self) -> bytes:
        return join(self.lines)


def site(origin: str, key: DeviceKey) -> Site:
    log = Log(origin, key)
    log.begin()
    return Site(log, Witness(log), [])


def exchange(one: Site, other: Site) -> None:
    """`one` shows its head, `other` signs it."""
    one.log.sign(one.ms)
    shown = one.witness.present()
    assert shown is not None
    seen = other.witness.take(shown, other.ms, other.ms)
    one.witness.countersigned(seen, one.ms, one.ms)


def talk(rounds: int = 5, closed: bool = True) -> tuple[Site, Site]:
    """A session: the robot's site and the expert's."""
    robot, expert = site("demo/robot", ROBOT_KEY), site("console-1", EXPERT_KEY)
    for one in (robot, expert):
        one.add(Kind.OPENED, value=1)
    robot.add(Kind.LIMITS, value=99)
    for number in range(1, rounds + 1):
        robot.add(Kind.ENGAGED, session=2, value=number, detail="7")
        expert.add(Kind.ENGAGED, value=number, detail="7")
        robot.store()
        robot.add(Kind.STOPPED, name="HOLD", detail="OPERATOR_RELEASE")
        expert.add(Kind.STOPPED, name="HOLD", detail="OPERATOR_RELEASE")
        exchange(robot, expert)
        exchange(expert, robot)
        robot.store()
        expert.store()
    if closed:
        for one in (robot, expert):
            one.add(Kind.CLOSED)
            one.store()
    return robot, expert


def join(lines: list[bytes]) -> bytes:
    return b"".join(line + b"\n" for line in lines)


def signed_anew(lines: list[bytes], key: DeviceKey = ROBOT_KEY) -> list[bytes]:
    """What the owner of the key can do: numbers, roots and signatures as if nothing had been."""
    out: list[bytes] = []
    tree, heads, origin = Tree(), 0, ""
    for old in lines:
        line, raw = from_line(old), old
        if isinstance(line, Header):
            origin = line.origin
        elif isinstance(line, Entry):
            raw = to_line(msgspec.structs.replace(line, n=tree.size))
            tree.append(raw)
        else:
            raw = to_line(sign_head(key, origin, heads, tree.root(), tree.size, line.utc_ms))
            heads += 1
        out.append(raw)
    return out


def edited(lines: list[bytes], chance: random.Random) -> list[bytes]:
    """One byte of one line is another one."""
    out = list(lines)
    at = chance.randrange(len(out))
    raw = bytearray(out[at])
    place = chance.randrange(len(raw))
    raw[place] ^= chance.randrange(1, 256)
    out[at] = bytes(raw)
    return out


def edited_entry(lines: list[bytes], chance: random.Random, most: int) -> list[bytes]:
    """One of the first `most` entries says something else."""
    out = list(lines)
    places = entries(lines)[:most]
    at = chance.choice(places)
    line = from_line(out[at])
    assert isinstance(line, Entry)
    changes: list[dict[str, str | int]] = [
        {"name": "other"},
        {"value": line.value + 1},
        {"session": 77},
        {"utc_ms": line.utc_ms + 1},
        {"detail": line.detail + "x"},
    ]
    out[at] = to_line(msgspec.structs.replace(line, **chance.choice(changes)))
    return out


def entries(lines: list[bytes]) -> list[int]:
    """Where the entries stand."""
    return [i for i, raw in enumerate(lines) if isinstance(from_line(raw), Entry)]
