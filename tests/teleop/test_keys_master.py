"""Who gets a command key: invitations, enrolled devices, renewals, and what is refused."""

from __future__ import annotations

import base64
import itertools
import json
import socket
import threading
import uuid
from pathlib import Path

import pytest

from teleop.config import Security
from teleop.keys.errors import SetupError, SourceError
from teleop.keys.files import (
    Device,
    add_pin,
    enrol,
    load_identity,
    read_devices,
    read_pins,
)
from teleop.keys.master import REPLY_NS, Install, KeyMaster, Outcome
from teleop.keys.messages import Done, Failed, Offered
from teleop.keys.sources import PreShared, open_source, source_at
from transport.identity import DeviceKey, decode, encode
from transport.keyagreement import AgreementError, reply_to

S = 1_000_000_000
PIN = bytes(range(16))


def master(**changes: object) -> KeyMaster:
    numbers = itertools.count()
    fields = {
        "site": DeviceKey(), "nonce": lambda: next(numbers).to_bytes(32, "big"),
        "pins": lambda: [PIN], "enrolled": lambda key: False, "gateway_is_enough": True,
        "rekey_ns": 60 * S,
    }  # fmt: skip
    return KeyMaster(**(fields | changes))  # type: ignore[arg-type]


def answer(
    keys: KeyMaster, device: DeviceKey, *, pin: bytes | None = PIN, session: int = 3, at: int = 0,
    offers: list[Outcome] | None = None,
) -> list[Outcome]:  # fmt: skip
    offer = (offers or keys.begin(session, at))[0]
    assert isinstance(offer, Offered)
    reply = reply_to(decode(offer.data) or b"", session, device, pin=pin)
    return keys.reply(session, encode(reply.data), at)


def trust(outcomes: list[Outcome]) -> str:
    assert isinstance(outcomes[0], Install), "guard has the key before the console is told"
    done = outcomes[1]
    assert isinstance(done, Done)
    return done.trust


def refused(outcomes: list[Outcome]) -> str:
    assert len(outcomes) == 1
    assert isinstance(outcomes[0], Failed)
    return outcomes[0].detail


def test_why_a_console_is_believed() -> None:
    device = DeviceKey()
    assert trust(answer(master(), device)) == "pin"
    assert trust(answer(master(), device, pin=None)) == "gateway"
    listed = master(enrolled=lambda key: key == device.public_bytes, gateway_is_enough=False)
    assert trust(answer(listed, device, pin=None)) == "enrolled"
    strict = master(gateway_is_enough=False)
    assert "pin or an enrolled device" in refused(answer(strict, device, pin=None))
    assert strict.installed() == [], "no key for whom nobody knows"


def test_a_pin_belongs_to_the_first_device() -> None:
    keys, first, second = master(), DeviceKey(), DeviceKey()
    assert trust(answer(keys, first, session=3)) == "pin"
    assert "another device" in refused(answer(keys, second, session=4))
    assert trust(answer(keys, first, session=5)) == "pin"


def test_the_device_of_a_session_never_changes() -> None:
    keys = master()
    answer(keys, DeviceKey(), pin=None)
    assert "another device" in refused(answer(keys, DeviceKey(), pin=None))


def test_one_try_per_offer_and_none_without() -> None:
    keys = master()
    offer = keys.begin(3, 0)[0]
    assert isinstance(offer, Offered)
    assert "bytes" in refused(keys.reply(3, "AAAA", 0))
    good = reply_to(decode(offer.data) or b"", 3, DeviceKey(), pin=PIN)
    assert "no offer" in refused(keys.reply(3, encode(good.data), 0))
    assert "no offer" in refused(keys.reply(9, encode(good.data), 0))
    assert "no offer" in refused(keys.reply(3, "%%%", 0))


def test_keys_are_renewed_while_the_console_is_there() -> None:
    keys, device = master(), DeviceKey()
    first = answer(keys, device)
    assert keys.tick(60 * S) == []
    due = keys.tick(60 * S + 1)
    second = answer(keys, device, offers=due, at=60 * S + 1)
    assert trust(second) == "pin", "trust was earned once"
    assert isinstance(first[0], Install)
    assert isinstance(second[0], Install)
    assert first[0].key != second[0].key
    assert keys.installed() == [second[0]], "a new guard gets the newest key"
    keys.end(3)
    assert keys.tick(300 * S) == []


def test_an_offer_that_nobody_answers_is_made_again_and_keeps_the_old_key() -> None:
    keys, device = master(), DeviceKey()
    installed = answer(keys, device)[0]
    assert len(keys.tick(61 * S)) == 1
    assert keys.tick(61 * S + REPLY_NS) == []
    assert len(keys.tick(61 * S + REPLY_NS + 1)) == 1
    assert keys.installed() == [installed]


def test_a_silent_key_source_is_said_and_gives_no_key() -> None:
    class Silent:
        def next_key(self) -> tuple[bytes, bytes]:
            raise SourceError("it sleeps")

    assert "it sleeps" in refused(master(source=Silent()).begin(3, 0))


def key_file(folder: Path, text: str, mode: int = 0o600) -> Security:
    path = folder / "keys.json"
    path.write_text(text)
    path.chmod(mode)
    return Security(key_source="pre-shared", key_path=str(path))


def test_pre_shared_keys_are_used_in_turn_and_mixed_in(tmp_path: Path) -> None:
    table = {f"{n:032x}": f"{n:064x}" for n in (1, 2)}
    source = open_source(key_file(tmp_path, json.dumps(table)))
    assert isinstance(source, PreShared)
    assert [source.next_key()[0][-1] for _ in range(3)] == [1, 2, 1]
    keys, device = master(source=source), DeviceKey()
    offer = keys.begin(3, 0)[0]
    assert isinstance(offer, Offered)
    data = decode(offer.data) or b""
    with pytest.raises(AgreementError):
        reply_to(data, 3, device, pin=PIN)
    reply = reply_to(data, 3, device, pin=PIN, source_key=source.key_of)
    outcomes = keys.reply(3, encode(reply.data), 0)
    assert trust(outcomes) == "pin"
    assert outcomes[0] == Install(3, reply.agreed.key)


def test_key_files_that_cannot_be_used_are_named_without_their_content(tmp_path: Path) -> None:
    secret = "ab" * 32
    for text, mode in (
        ("{}", 0o600), ("[", 0o600), (f'{{"00": "{secret}"}}', 0o600),
        (f'{{"{"0" * 32}": "{secret}"}}', 0o600), (f'{{"{"1" * 32}": "{secret}"}}', 0o644),
    ):  # fmt: skip
        with pytest.raises(SetupError) as caught:
            open_source(key_file(tmp_path, text, mode))
        assert "keys.json" in str(caught.value)
        assert secret not in str(caught.value)
    with pytest.raises(SetupError, match="key_path"):
        open_source(Security(key_source="external"))


def test_the_site_keeps_its_identity_and_its_devices(tmp_path: Path) -> None:
    identity = load_identity(tmp_path / "site" / "identity.key")
    again = load_identity(tmp_path / "site" / "identity.key")
    assert identity.public == again.public
    assert (tmp_path / "site" / "identity.key").stat().st_mode & 0o777 == 0o600
    (tmp_path / "site" / "identity.key").chmod(0o640)
    with pytest.raises(SetupError, match="chmod 600"):
        load_identity(tmp_path / "site" / "identity.key")
    console = Device("desk", "console", DeviceKey().public)
    enrol(tmp_path, console)
    enrol(tmp_path, Device("desk again", "console", console.device_key))
    assert [device.name for device in read_devices(tmp_path)] == ["desk again"]


def test_pins_are_added_and_damaged_files_let_nobody_in(tmp_path: Path) -> None:
    first, second = add_pin(tmp_path), add_pin(tmp_path)
    assert [encode(pin) for pin in read_pins(tmp_path)] == [first, second]
    (tmp_path / "pins.json").write_bytes(b"[1, \xff")
    assert read_pins(tmp_path) == []


def test_an_external_key_service_serves_both_ends(tmp_path: Path) -> None:
    """The words of ETSI GS QKD 014 on a local socket; what it says wrong is no key."""
    path = tmp_path / "kms.sock"
    made: dict[str, str] = {}
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    listener.listen()

    def serve() -> None:
        for _ in range(4):
            with listener.accept()[0] as link:
                asked = json.loads(link.makefile().readline())
                if "enc_keys" in asked:
                    name = str(uuid.UUID(int=len(made) + 1))
                    made[name] = base64.b64encode(bytes([len(made)]) * 32).decode()
                else:
                    name = asked["dec_keys"]["key_IDs"][0]["key_ID"]
                answer = {"keys": [{"key_ID": name, "key": made[name]}]} if name in made else {}
                link.sendall(json.dumps(answer).encode() + b"\n")

    thread = threading.Thread(target=serve)
    thread.start()
    robot_end = open_source(Security(key_source="external", key_path=str(path)))
    assert robot_end is not None
    console_end = source_at(path)
    first, second = robot_end.next_key(), robot_end.next_key()
    assert first[0] != second[0]
    assert console_end.key_of(first[0]) == first[1]
    assert console_end.key_of(bytes(range(16))) is None
    thread.join()
    listener.close()
    with pytest.raises(SourceError):
        robot_end.next_key()
