"""What uplink lets through: authentic, once, in time, of who drives; and what it tells gateway."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace

import pytest
from link_rig import frame_of

from safety.frame import pack, place_of
from teleop.uplink import messages
from teleop.uplink.judge import Judge
from teleop.uplink.messages import Arrival, Flow, Table
from transport.datagrams import MAX_BODY_BYTES, Direction, Kind, Refusal, Sealer, derive_key
from transport.multilink import FirstCopy
from transport.repeat import marked

MS = 1_000_000
FROM = ("127.0.0.1", 4000)
KEYS = {session: derive_key(f"token {session}", "nonce", Direction.UP) for session in (1, 2)}
FLOWS = tuple(Flow(session, link, key) for session, key in KEYS.items() for link in (0, 1))


@dataclass
class Rig:
    """A judge with two consoles on two links; session 1 drives."""

    frames: list[bytes] = field(default_factory=list)
    told: list[Arrival] = field(default_factory=list)
    given: tuple[int, int, int] = (0, -1, -1)
    """Session, epoch and sequence of what gateway gave guard."""

    def __post_init__(self) -> None:
        self.judge = Judge(self.frames.append, self, self.told.append, lambda: 7)
        self.sealers = {session: Sealer(key, session, 1) for session, key in KEYS.items()}
        self.judge.follow(Table(1, FLOWS))

    def tell(self, session: int, stream: FirstCopy) -> None:
        if session == self.given[0]:
            stream.take(*self.given[1:])

    def send(self, body: bytes, session: int = 1, link: int = 0, kind: Kind = Kind.COMMAND) -> None:
        self.judge.take(link, self.sealers[session].seal(kind, body, 0), FROM, 0)

    @property
    def seqs(self) -> list[int]:
        return [place_of(data)[2] for data in self.frames]


def frame(seq: int, epoch: int = 1) -> bytes:
    return pack(replace(frame_of(seq, 1), epoch=epoch))


def test_nobody_is_heard_before_a_table_names_him_or_after_it_does_not() -> None:
    rig = Rig()
    rig.judge.follow(Table())
    rig.send(frame(1))
    assert (rig.frames, rig.told, rig.judge.refused[Refusal.SESSION]) == ([], [], 1)
    rig.judge.follow(Table(1, FLOWS))
    rig.send(frame(2))
    assert rig.seqs == [2]
    rig.judge.follow(Table(1, FLOWS[2:]))
    rig.send(frame(3))
    assert rig.seqs == [2]


def test_only_frames_of_who_drives_reach_guard() -> None:
    rig = Rig()
    rig.send(frame(1), session=2)
    assert rig.frames == []
    assert [one.handed_ns for one in rig.told] == [0], "gateway counts it as refused"
    rig.judge.follow(Table(2, FLOWS))
    rig.send(frame(2), session=2)
    rig.send(frame(3), session=1)
    assert rig.seqs == [2]
    rig.judge.follow(Table(0, FLOWS))
    rig.send(frame(4), session=2)
    assert rig.seqs == [2]


def test_the_first_copy_counts_over_links_repeats_and_data_channels() -> None:
    rig = Rig()
    rig.send(frame(1))
    rig.send(frame(1), link=1)
    rig.send(marked(frame(1)))
    rig.send(frame(3))
    rig.send(frame(2), link=1)
    assert rig.seqs == [1, 3]
    rig.given = (1, 1, 5)
    rig.send(frame(4))
    rig.send(frame(5))
    rig.send(frame(6))
    assert rig.seqs == [1, 3, 6]
    assert [bool(one.handed_ns) for one in rig.told] == [1, 0, 0, 1, 0, 0, 0, 1]


def test_a_table_that_keeps_a_key_keeps_what_was_heard_under_it() -> None:
    rig = Rig()
    data = rig.sealers[1].seal(Kind.COMMAND, frame(1), 0)
    rig.judge.take(0, data, FROM, 0)
    rig.judge.follow(Table(1, FLOWS))
    rig.judge.take(0, data, FROM, 0)
    assert (rig.seqs, rig.judge.refused[Refusal.REPLAY]) == ([1], 1)


def test_a_new_process_refuses_what_the_one_before_it_took() -> None:
    rig, after = Rig(), Rig()
    sent = [rig.sealers[1].seal(Kind.COMMAND, frame(n), 0) for n in range(1, 9)]
    for data in sent[:6:2]:
        rig.judge.take(0, data, FROM, 0)
    newest = rig.told[-1]
    row = Flow(1, 0, KEYS[1], newest.epoch, newest.number)
    after.judge.follow(Table())
    after.judge.follow(Table(1, (row,)))
    for data in sent:
        after.judge.take(0, data, FROM, 0)
    assert after.seqs == [6, 7, 8], "older ones too, had they come or not"


def test_an_unreadable_frame_goes_to_guard_that_counts_it() -> None:
    rig = Rig()
    broken = bytes(len(frame(1)))
    rig.send(broken)
    rig.send(marked(broken))
    assert rig.frames == [broken]


@pytest.mark.parametrize("kind", [Kind.HEARTBEAT, Kind.TELEMETRY])
def test_a_console_sends_nothing_but_commands(kind: Kind) -> None:
    rig = Rig()
    rig.send(frame(1), kind=kind)
    assert (rig.frames, rig.told) == ([], [])


def test_a_long_message_is_told_without_its_content() -> None:
    rig = Rig()
    rig.send(bytes(MAX_BODY_BYTES))
    assert (rig.frames, rig.told[0].body) == ([], b"")


def test_generated_bad_datagrams_reach_nobody() -> None:
    rig, rng = Rig(), random.Random("uplink")
    good = rig.sealers[1].seal(Kind.COMMAND, frame(1), 0)
    for number in range(3000):
        data = bytearray(good if number % 2 else rng.randbytes(rng.randrange(1400)))
        if number % 2:
            data[rng.randrange(len(data))] ^= rng.randrange(1, 256)
        rig.judge.take(rng.randrange(2), bytes(data), FROM, number)
    assert (rig.frames, rig.told) == ([], [])
    assert sum(rig.judge.refused.values()) == 3000
    rig.judge.take(0, good, FROM, 0)
    assert rig.seqs == [1]


@pytest.mark.parametrize(
    "address", [("10.0.0.1", 1), ("2001:db8::1", 65535, 9, 3), ("::ffff:255.255.255.255", 2, 0, 0)]
)
def test_an_arrival_survives_the_ring(address: messages.Address) -> None:
    arrival = Arrival(1 << 60, 2, 1 << 63, 5, 77, 3, address, frame(4))
    assert messages.unpack(messages.pack(arrival)) == arrival
