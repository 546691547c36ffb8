"""The command key: both ends agree, nobody in between can, and no bytes break either side."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from dataclasses import replace

import pytest

from transport.identity import DeviceKey
from transport.keyagreement import (
    OFFER_BYTES,
    REPLY_BYTES,
    Agreed,
    AgreementError,
    Reply,
    RobotSide,
    Suite,
    is_done,
    pin_id,
    reply_to,
    suite_text,
)

PIN = bytes(range(16))
SITE, DEVICE = DeviceKey(), DeviceKey()
SOURCE = (bytes(range(1, 17)), bytes(range(32)))


def known(*pins: bytes) -> Callable[[bytes], bytes | None]:
    return lambda name: next((pin for pin in pins if pin_id(pin) == name), None)


def robot(source: tuple[bytes, bytes] | None = None) -> RobotSide:
    return RobotSide(5, os.urandom(32), SITE, source)


def agree(pin: bytes | None = PIN, with_source: bool = False) -> tuple[Agreed, Reply]:
    side = robot(SOURCE if with_source else None)
    reply = reply_to(
        side.offer, 5, DEVICE, pin=pin, site_key=SITE.public_bytes,
        source_key=lambda name: SOURCE[1] if name == SOURCE[0] else None,
    )  # fmt: skip
    return side.finish(reply.data, known(PIN)), reply


@pytest.mark.parametrize(
    ("pin", "with_source", "suite"),
    [
        (None, False, "X25519 + ML-KEM-768"),
        (PIN, False, "X25519 + ML-KEM-768 + pin"),
        (PIN, True, "X25519 + ML-KEM-768 + pin + key source"),
    ],
)
def test_both_ends_have_the_same_key(pin: bytes | None, with_source: bool, suite: str) -> None:
    agreed, reply = agree(pin, with_source)
    assert agreed.key == reply.agreed.key
    assert is_done(reply, agreed.done)
    assert agreed.device_key == DEVICE.public_bytes
    assert reply.site_key == SITE.public_bytes
    assert suite_text(agreed.suite) == suite
    assert len(agreed.key) == 32


def test_no_two_keys_are_the_same() -> None:
    keys = [agree()[0].key for _ in range(20)]
    assert len(set(keys)) == 20


def test_a_gateway_in_the_middle_cannot_agree_with_both() -> None:
    """It knows everything but the pin and the private keys of device and site."""
    own_site, own_device = DeviceKey(), DeviceKey()
    posing = RobotSide(5, os.urandom(32), own_site)
    with pytest.raises(AgreementError, match="site key differs"):
        reply_to(posing.offer, 5, DEVICE, pin=PIN, site_key=SITE.public_bytes)
    naive = reply_to(posing.offer, 5, DEVICE, pin=PIN)  # a console that knows no site yet
    with pytest.raises(AgreementError, match="pin"):
        posing.finish(naive.data, known())
    guessing = RobotSide(5, os.urandom(32), own_site)
    answer = reply_to(guessing.offer, 5, DEVICE, pin=PIN)
    with pytest.raises(AgreementError, match="same key"):
        guessing.finish(answer.data, lambda _: bytes(16))
    side = robot()
    forged = reply_to(side.offer, 5, own_device, pin=bytes(16))
    with pytest.raises(AgreementError, match="pin is unknown"):
        side.finish(forged.data, known(PIN))


def test_an_old_reply_does_not_fit_a_new_offer() -> None:
    first, second = robot(), robot()
    reply = reply_to(first.offer, 5, DEVICE, pin=PIN)
    with pytest.raises(AgreementError, match="signature"):
        second.finish(reply.data, known(PIN))


def test_another_session_is_refused() -> None:
    with pytest.raises(AgreementError, match="another session"):
        reply_to(robot().offer, 6, DEVICE)


def test_a_source_that_one_side_lacks_is_refused() -> None:
    with pytest.raises(AgreementError, match="key source"):
        reply_to(robot(SOURCE).offer, 5, DEVICE)
    side, plain = robot(SOURCE), robot()
    reply = reply_to(plain.offer, 5, DEVICE)
    with pytest.raises(AgreementError):
        side.finish(reply.data, known())


def test_the_kem_cannot_be_dropped_without_notice() -> None:
    """A changed suite changes the transcript, so the device's signature no longer fits."""
    side = robot()
    reply = bytearray(reply_to(side.offer, 5, DEVICE, pin=PIN).data)
    reply[0] &= ~int(Suite.ML_KEM_768)
    with pytest.raises(AgreementError, match="signature"):
        side.finish(bytes(reply), known(PIN))


def test_no_bytes_break_either_side() -> None:
    rng = random.Random(6)
    side = robot()
    offer, reply = side.offer, reply_to(side.offer, 5, DEVICE, pin=PIN).data
    for count in range(1000):
        for good, size, take in (
            (offer, OFFER_BYTES, lambda data: reply_to(data, 5, DEVICE)),
            (reply, REPLY_BYTES, lambda data: side.finish(data, known(PIN))),
        ):
            bad = bytearray(good)
            if count % 3 == 0:
                bad = bytearray(rng.randbytes(rng.choice((0, 1, size - 1, size, size + 1))))
            elif count % 3 == 1:
                bad[rng.randrange(size)] ^= 1 << rng.randrange(8)
            else:
                bad = bad[: rng.randrange(size)]
            if bytes(bad) == good:
                continue
            with pytest.raises(AgreementError):
                take(bytes(bad))


def test_done_proves_the_key() -> None:
    agreed, reply = agree()
    assert not is_done(reply, bytes(32))
    assert not is_done(replace(reply, agreed=replace(reply.agreed, done=bytes(32))), agreed.done)
