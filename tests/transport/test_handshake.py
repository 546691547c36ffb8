"""Who is let in, who may say what, and that no input breaks a session."""

from __future__ import annotations

import itertools
import random
from typing import Any, get_args

import msgspec
import pytest

from safety.roles import may_send
from safety.states import Cause, EventKind, State
from transport import handshake as h
from transport import roles
from transport import schema as s
from transport.identity import DeviceKey, normal_code
from transport.refusals import Reason
from transport.schema import Role
from transport.sessions import (
    DeniedError,
    Invitation,
    Registry,
    Snapshot,
    StoreError,
    parse_codes,
    parse_invitations,
)

S = 1_000_000_000
NONCE = "nonce-of-the-server"
CODES = {
    "CNSL-2345": Role.CONSOLE,
    "CNSL-6789": Role.CONSOLE,
    "BEDS-2345": Role.BEDSIDE,
    "BEDS-6789": Role.BEDSIDE,
    "OBSV-2345": Role.OBSERVER,
}
CODE_OF = {Role.CONSOLE: "CNSL-2345", Role.BEDSIDE: "BEDS-2345", Role.OBSERVER: "OBSV-2345"}

EVERY_MESSAGE: list[Any] = [
    s.Offer(peer="command", sdp="v=0"),
    s.Offer(peer="video", sdp="v=0"),
    s.Talk(kind="offer", data="x"),
    s.Phrase(id="yes"),
    s.Beat(seq=1, visible=True, sound=True),
    s.ImageSettings(gain_db=1.0),
    s.Presented(refresh_ms=16.7, waits_ms=(1.0, 9.5)),
    s.Ping(seq=1),
    s.LeaseRequest(want=True),
    s.KeyReply(data="x"),
    s.Audit(data="x"),
    s.NeedlePath(target_x_m=0.0, target_z_m=0.05, entry_x_m=0.03, entry_z_m=0.0),
    s.NeedleTip(x_m=0.0, z_m=0.05),
    *[s.Event(name=kind.name) for kind in EventKind],
]
PAGE_EVENTS = {
    Role.CONSOLE: {"STOP", "ACKNOWLEDGE", "MARK_ANSWER", "NEEDLE_ABORT"},
    Role.BEDSIDE: {
        "STOP", "ESTOP", "ALLOW_MOTION", "REVOKE_MOTION", "LIFT", "LOCAL_ENTER", "LOCAL_EXIT",
        "DISCOMFORT", "DECLARE_INSTRUMENT", "NEEDLE_CLEAR", "HANDOVER_CONFIRM",
        "NEEDLE_CONFIRM", "NEEDLE_ABORT", "FORCE_ZERO",
    },
    Role.OBSERVER: set(),
}  # fmt: skip
ALLOWED = {
    Role.CONSOLE: {
        "offer/command",
        "offer/video",
        "talk",
        "phrase",
        "image",
        "presented",
        "ping",
        "lease",
        "key_reply",
        "audit",
        "needle_path",
        "needle_tip",
    },
    Role.BEDSIDE: {"talk", "phrase", "beat", "ping"},
    Role.OBSERVER: {"offer/video", "ping"},
}


def tokens() -> Any:
    numbers = itertools.count(1)
    return lambda: f"token-{next(numbers)}"


class Site:
    """A registry and the sockets on it."""

    def __init__(self, snapshot: Snapshot | None = None) -> None:
        self.registry = Registry(snapshot or Snapshot(), tokens())
        self.guesses = h.Guesses(0)

    def socket(self, address: str = "192.0.2.1") -> h.Handshake:
        return h.Handshake(self.registry, self.guesses, NONCE, address, 0)

    def join(self, code: str = "", *, token: str = "", key: DeviceKey | None = None) -> h.Handshake:
        socket = self.socket()
        say(socket, hello(key or DeviceKey(), code=code, token=token))
        return socket


def hello(key: DeviceKey, *, code: str = "", token: str = "", **other: Any) -> s.Hello:
    fields: dict[str, Any] = {
        "version": s.PROTOCOL_VERSION,
        "device_key": key.public,
        "signature": key.sign(NONCE, code or token),
        "code": code,
        "token": token,
    }
    return s.Hello(**(fields | other))


def say(socket: h.Handshake, message: Any, now_ns: int = 0) -> list[h.Action]:
    return socket.receive(msgspec.json.encode(message), CODES, now_ns)


def reason(actions: list[h.Action]) -> str | None:
    """Why the machine refused, None when it did not."""
    sent = [a.message for a in actions if isinstance(a, h.Send)]
    return next((m.reason for m in sent if isinstance(m, s.Refused)), None)


def closes(actions: list[h.Action]) -> bool:
    return any(isinstance(a, h.Close) for a in actions)


def name_of(message: Any) -> str:
    tag = str(message.__struct_config__.tag)
    return f"{tag}/{message.peer}" if isinstance(message, s.Offer) else tag


def test_the_table_above_misses_no_message() -> None:
    """A message that somebody adds is refused until both tables say who may send it."""
    known = {type(message) for message in EVERY_MESSAGE} | {s.Hello}
    assert known == set(get_args(s.FromPage))
    assert {message for table in roles.MESSAGES.values() for message in table} == known - {s.Hello}


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("message", EVERY_MESSAGE, ids=repr)
def test_every_role_and_message(role: Role, message: Any) -> None:
    socket = Site().join(CODE_OF[role])
    actions = say(socket, message)
    if isinstance(message, s.Event):
        allowed = message.name in PAGE_EVENTS[role]
    else:
        allowed = name_of(message) in ALLOWED[role]
    if allowed:
        assert socket.session is not None
        assert actions == [h.Deliver(socket.session, message)]
    else:
        assert reason(actions) == Reason.ROLE
    assert not closes(actions)


@pytest.mark.parametrize("message", EVERY_MESSAGE, ids=repr)
def test_nothing_is_acted_on_before_joining(message: Any) -> None:
    socket = Site().socket()
    actions = say(socket, message)
    assert reason(actions) == Reason.HELLO_FIRST
    assert closes(actions)
    assert say(socket, hello(DeviceKey(), code="CNSL-2345")) == []


def test_a_second_console_watches_until_it_holds_the_lease() -> None:
    site = Site()
    first, second = site.join("CNSL-2345"), site.join("CNSL-6789")
    assert first.session is not None
    assert second.session is not None
    for message in EVERY_MESSAGE:
        driver_only = type(message) in (s.Talk, s.Phrase, s.Event, s.ImageSettings)
        if driver_only:
            assert reason(say(second, message)) == Reason.NOT_DRIVER
    assert reason(say(second, s.Offer(peer="command", sdp="v=0"))) is None
    site.registry.want_lease(second.session.number, True)
    assert site.registry.confirm_handover(State.ARMED, 0) == second.session.number
    assert reason(say(second, s.Event(name="STOP"))) is None
    assert reason(say(first, s.Event(name="STOP"))) == Reason.NOT_DRIVER


def test_pages_may_send_only_what_guard_would_ever_take() -> None:
    for role, source in roles.SOURCES.items():
        assert all(may_send(kind, source) for kind in roles.EVENTS[role])


def test_a_code_is_exchanged_exactly_once() -> None:
    site = Site()
    assert site.join("CNSL-2345").session is not None
    again = site.socket()
    assert reason(say(again, hello(DeviceKey(), code="CNSL-2345"))) == Reason.CODE_USED
    restarted = Site(site.registry.snapshot()).socket()
    assert reason(say(restarted, hello(DeviceKey(), code="CNSL-2345"))) == Reason.CODE_USED


def test_codes_are_read_as_people_type_them() -> None:
    assert normal_code(" cnsl 2345 ") == "CNSL-2345"
    assert Site().join("cnsl2345").session is not None


@pytest.mark.parametrize("code", ["CNSL-2346", "CNSL", "", "-", "ＣＮＳＬ-2345", "x" * 64])
def test_a_wrong_code_is_refused(code: str) -> None:
    socket = Site().socket()
    refused = reason(say(socket, hello(DeviceKey(), code=code)))
    assert refused in (Reason.CODE_WRONG, Reason.CODE_OR_TOKEN)
    assert socket.session is None


def test_a_token_keeps_session_and_lease_over_a_restart() -> None:
    key, site = DeviceKey(), Site()
    first = site.join("CNSL-2345", key=key)
    assert first.session is not None
    restarted = Site(site.registry.snapshot())
    second = restarted.join(token="token-1", key=key)
    assert second.session == first.session
    assert restarted.registry.drives(first.session.number)


def test_a_token_works_only_on_its_device() -> None:
    site = Site()
    site.join("CNSL-2345")
    thief = site.socket()
    assert reason(say(thief, hello(DeviceKey(), token="token-1"))) == Reason.OTHER_DEVICE
    unknown = site.socket()
    assert reason(say(unknown, hello(DeviceKey(), token="token-9"))) == Reason.TOKEN_UNKNOWN


def test_the_signature_binds_device_nonce_and_secret() -> None:
    key, other = DeviceKey(), DeviceKey()
    for forged in (
        {"signature": other.sign(NONCE, "CNSL-2345")},
        {"signature": key.sign("older nonce", "CNSL-2345")},
        {"signature": key.sign(NONCE, "BEDS-2345")},
        {"signature": ""},
        {"signature": "A" * 86},
        {"device_key": other.public},
        {"device_key": "not base64 \u2603"},
        {"device_key": "BA" * 43},
    ):
        socket = Site().socket()
        actions = say(socket, hello(key, code="CNSL-2345", **forged))
        assert reason(actions) == Reason.SIGNATURE, forged


def test_another_version_is_refused_and_closed() -> None:
    actions = say(Site().socket(), hello(DeviceKey(), code="CNSL-2345", version=99))
    assert reason(actions) == Reason.VERSION
    assert closes(actions)


def test_wrong_codes_are_rate_limited_even_when_the_next_one_is_right() -> None:
    site = Site()
    for number in range(10):
        say(site.socket(), hello(DeviceKey(), code=f"WRNG-{number:04}"))
    blocked = say(site.socket(), hello(DeviceKey(), code="CNSL-2345"))
    assert reason(blocked) == Reason.TOO_MANY_TRIES
    elsewhere = site.socket("192.0.2.2")
    assert reason(say(elsewhere, hello(DeviceKey(), code="CNSL-6789"))) is None
    later = say(site.socket(), hello(DeviceKey(), code="CNSL-2345"), now_ns=7 * S)
    assert reason(later) is None


def test_a_thousand_generated_codes_and_signatures_let_nobody_in() -> None:
    site, rng, key = Site(), random.Random(8), DeviceKey()
    letters = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789-abc 一\x00é"
    for number in range(1200):
        code = "".join(rng.choice(letters) for _ in range(rng.randrange(0, 20)))
        message = hello(key, code=code)
        if rng.random() < 0.5:  # the right code, but not signed by this device for this nonce
            wrong = rng.choice([key.sign("another nonce", "CNSL-2345"), code, "AA", ""])
            message = hello(key, code="CNSL-2345", signature=wrong)
        socket = site.socket(f"192.0.2.{number % 250}")
        assert reason(say(socket, message, now_ns=number * 10 * S)) is not None
        assert socket.session is None
    assert reason(say(site.socket(), hello(key, code="CNSL-2345"), now_ns=20_000 * S)) is None


def test_a_stale_token_that_keeps_knocking_does_not_lock_out_codes() -> None:
    site = Site()
    for _ in range(500):
        say(site.socket(), hello(DeviceKey(), token="from an earlier run"))
    assert site.join("CNSL-2345").session is not None


def test_a_socket_gets_five_tries_and_ten_seconds() -> None:
    site = Site()
    socket = site.socket()
    answers = [say(socket, hello(DeviceKey(), code="WRNG-0000")) for _ in range(5)]
    assert [closes(a) for a in answers] == [False] * 4 + [True]
    slow = site.socket()
    assert slow.timed_out(10 * S - 1) == []
    assert closes(slow.timed_out(10 * S))
    joined = site.join("OBSV-2345")
    assert joined.timed_out(100 * S) == []


def test_a_new_bedside_page_ends_the_older_session() -> None:
    site = Site()
    older = site.join("BEDS-2345")
    assert older.session is not None
    actions = say(site.socket(), hello(DeviceKey(), code="BEDS-6789"))
    assert isinstance(actions[0], h.Join)
    assert actions[0].admitted.ended == older.session.number
    assert reason(say(site.socket(), hello(DeviceKey(), token="token-1"))) == Reason.TOKEN_UNKNOWN


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("operator", [False, True])
def test_the_lease_moves_only_at_rest(state: State, operator: bool) -> None:
    site = Site()
    site.join("CNSL-2345")
    second = site.join("CNSL-6789")
    assert second.session is not None
    site.registry.want_lease(second.session.number, True)
    cause = Cause.OPERATOR_RELEASE if operator else Cause.COMMAND_AGE
    causes = 1 << cause if state >= State.ACTIVE else 0
    low = state <= State.ARMED
    if low or (state is State.HOLD and operator):
        assert site.registry.confirm_handover(state, causes) == second.session.number
        assert site.registry.wanted_by == 0
    else:
        with pytest.raises(DeniedError) as denied:
            site.registry.confirm_handover(state, causes)
        assert denied.value.reason is Reason.LEASE_NOT_NOW


def test_the_lease_does_not_move_without_guard_or_request() -> None:
    site = Site()
    site.join("CNSL-2345")
    second = site.join("CNSL-6789")
    assert second.session is not None
    with pytest.raises(DeniedError) as nobody:
        site.registry.confirm_handover(State.IDLE, 0)
    assert nobody.value.reason is Reason.NOBODY_ASKED
    site.registry.want_lease(second.session.number, True)
    with pytest.raises(DeniedError) as unknown:
        site.registry.confirm_handover(None, 0)
    assert unknown.value.reason is Reason.LEASE_NOT_NOW
    site.registry.want_lease(second.session.number, False)
    assert site.registry.wanted_by == 0


def test_a_flood_cannot_crowd_out_a_stop() -> None:
    socket = Site().join("BEDS-2345")
    refused = [reason(say(socket, s.Ping(seq=1))) for _ in range(250)]
    assert refused[:200] == [None] * 200 or refused[:199] == [None] * 199
    assert refused[-1] == Reason.TOO_FAST
    assert reason(say(socket, s.Event(name="STOP", arg=1))) is None


def test_rubbish_of_a_stranger_closes_the_socket_soon() -> None:
    socket = Site().socket()
    answers = [socket.receive("rubbish", {}, i * S) for i in range(5)]
    assert [closes(a) for a in answers] == [False] * 4 + [True]
    assert reason(answers[4]) == Reason.TOO_MANY_ERRORS


def test_endless_rubbish_closes_the_socket() -> None:
    socket = Site().join("BEDS-2345")
    answers = [socket.receive("rubbish", {}, i * S) for i in range(101)]
    assert not any(closes(a) for a in answers[:100])
    assert reason(answers[100]) == Reason.TOO_MANY_ERRORS
    assert socket.receive("rubbish", {}, 200 * S) == []


def test_size_is_capped_before_parsing() -> None:
    socket = Site().join("BEDS-2345")
    actions = socket.receive(b"[" * (s.MAX_SIGNAL_BYTES + 1), {}, 0)
    assert reason(actions) == Reason.TOO_LARGE


def mutated(rng: random.Random) -> bytes:
    """A message that is wrong in one of many ways (now and then still right)."""
    good = msgspec.json.encode(rng.choice(EVERY_MESSAGE))
    kind = rng.randrange(6)
    if kind == 0:
        return rng.randbytes(rng.randrange(200))
    if kind == 1:
        return good[: rng.randrange(len(good))]
    if kind == 2:
        at = rng.randrange(len(good))
        return good[:at] + rng.randbytes(rng.randrange(1, 4)) + good[at + 1 :]
    if kind == 3:
        return b"[" * rng.randrange(1, 5000)
    if kind == 4:
        odd: object = rng.choice([1e400, -1, 2**64, "", None, [], {}, "\ud83d", True])
        body = dict(msgspec.json.decode(good))
        body[rng.choice([*body, "extra"])] = odd
        return repr(body).replace("'", '"').encode("utf-8", "replace")
    return good.replace(b'"', b"'", rng.randrange(3))


@pytest.mark.parametrize("role", list(Role))
def test_a_session_survives_generated_bad_messages(role: Role) -> None:
    rng = random.Random(f"signalling {role}")
    socket = Site().join(CODE_OF[role])
    strangers = Site()
    bad = 0
    for number in range(1500):
        data = mutated(rng)
        socket._bad = 0  # judged here: that each one is survived, not when patience ends
        actions = socket.receive(data, CODES, number * S)
        assert all(isinstance(a, h.Send | h.Deliver) for a in actions), data
        bad += reason(actions) is not None
        stranger = strangers.socket()
        assert stranger.receive(data, CODES, number * S) != [] or not data
        assert stranger.session is None
    assert bad >= 1000
    assert reason(say(socket, s.Ping(seq=7), now_ns=2000 * S)) is None


def test_an_invitation_ends_and_may_name_a_device() -> None:
    site, key, other = Site(), DeviceKey(), DeviceKey()
    codes = {
        "LATE-2345": Invitation(Role.CONSOLE, until_ns=5 * S),
        "MINE-2345": Invitation(Role.CONSOLE, device=key.public),
    }

    def try_code(code: str, device: DeviceKey, now_ns: int) -> str | None:
        data = msgspec.json.encode(hello(device, code=code))
        return reason(site.socket().receive(data, codes, now_ns))

    assert try_code("LATE-2345", key, 5 * S + 1) == Reason.CODE_EXPIRED
    assert try_code("LATE-2345", key, 5 * S) is None
    assert try_code("LATE-2345", key, 4 * S) == Reason.CODE_USED
    assert try_code("MINE-2345", other, 0) == Reason.OTHER_DEVICE
    assert try_code("MINE-2345", key, 0) is None, "a stranger's try does not spend it"


def test_no_bytes_of_a_store_break_the_gateway() -> None:
    rng = random.Random(11)
    good = b'{"ABCD-2345": {"role": "console", "until_ns": 5, "device": ""}}'
    for _ in range(2000):
        raw = bytearray(good)
        for _ in range(rng.randint(1, 6)):
            raw[rng.randrange(len(raw))] = rng.randrange(256)
        for parse in (parse_codes, parse_invitations):
            try:
                parse(bytes(raw))
            except StoreError:
                continue


def test_a_console_that_keeps_stopping_becomes_an_observer() -> None:
    site = Site()
    session = site.join("CNSL-2345").session
    assert session is not None
    number = session.number
    registry = site.registry
    assert not registry.stopped(number + 1, 0), "only who drives can stop motion"
    assert [registry.stopped(number, at * S) for at in (0, 40, 70)] == [False] * 3
    assert registry.stopped(number, 99 * S), "three within a minute"
    assert not registry.drives(number)
    assert registry.lease_changes == 2, "guard drops what was armed for it"
    registry.want_lease(number, True)
    registry.confirm_handover(State.ARMED, 0)
    assert registry.drives(number), "the bedside can let it drive again"
    assert not registry.stopped(number, 101 * S), "the count starts anew"


def test_a_site_may_let_in_enrolled_devices_only() -> None:
    mine, other = DeviceKey(), DeviceKey()
    site = Site()
    site.registry = Registry(
        Snapshot(), tokens(), lambda device, role: (device, role) == (mine.public, Role.CONSOLE)
    )
    refused = say(site.socket(), hello(other, code="CNSL-2345"))
    assert reason(refused) == Reason.NOT_ENROLLED
    assert isinstance(refused[0], h.Send)
    assert isinstance(refused[0].message, s.Refused)
    assert refused[0].message.detail == other.public, "so that somebody can enrol it"
    assert reason(say(site.socket(), hello(mine, code="BEDS-2345"))) == Reason.NOT_ENROLLED
    assert reason(say(site.socket(), hello(mine, code="CNSL-2345"))) is None, "not spent by others"
