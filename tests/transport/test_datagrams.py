"""Datagrams of native consoles: only what was signed, once, and in time."""

from __future__ import annotations

import random

import pytest

from transport.datagrams import (
    MAX_BODY_BYTES,
    OVERHEAD_BYTES,
    DatagramError,
    Direction,
    Kind,
    Opened,
    Opener,
    Refusal,
    Sealer,
    derive_key,
    session_of,
)

MS = 1_000_000
KEY = derive_key("token", "nonce", Direction.UP)


def pair(key: bytes = KEY) -> tuple[Sealer, Opener]:
    return Sealer(KEY, 3, 1), Opener(key, 3)


@pytest.mark.parametrize("size", [0, 1, 124, MAX_BODY_BYTES])
def test_what_is_sealed_is_opened(size: int) -> None:
    sealer, opener = pair()
    body = random.Random(size).randbytes(size)
    data = sealer.seal(Kind.COMMAND, body, 5 * MS)
    assert session_of(data) == 3
    assert len(data) == size + OVERHEAD_BYTES
    assert opener.open(data, 6 * MS) == Opened(Kind.COMMAND, body, 1, 5000, 1)


def test_too_long_a_body_is_our_own_mistake() -> None:
    with pytest.raises(DatagramError):
        pair()[0].seal(Kind.TELEMETRY, bytes(MAX_BODY_BYTES + 1), 0)


def test_keys_differ_by_token_nonce_and_direction() -> None:
    keys = {
        derive_key(token, nonce, direction)
        for token in ("a", "b") for nonce in ("c", "d") for direction in Direction
    }  # fmt: skip
    assert len(keys) == 8
    data = pair()[0].seal(Kind.COMMAND, b"x", 0)
    for key in keys:
        assert pair(key)[1].open(data, 0) is Refusal.TAG


def test_a_replay_is_refused_and_a_new_start_is_not() -> None:
    sealer, opener = pair()
    datagrams = [sealer.seal(Kind.COMMAND, bytes([i]), 0) for i in range(20)]
    order = [0, 2, 1, 5, 4, 3, *range(6, 20)]
    assert all(isinstance(opener.open(datagrams[i], 0), Opened) for i in order)
    assert {opener.open(data, 0) for data in datagrams} == {Refusal.REPLAY}
    again = Sealer(KEY, 3, 2)
    assert isinstance(opener.open(again.seal(Kind.COMMAND, b"", 0), 0), Opened)
    assert opener.open(sealer.seal(Kind.COMMAND, b"", 0), 0) is Refusal.REPLAY, "the old epoch"


@pytest.mark.parametrize("offset_ms", [-(10**6), 0, 10**6])
def test_beyond_its_life_it_is_late_whatever_the_clocks_say(offset_ms: int) -> None:
    sealer, opener = pair()
    base = (10**7 + offset_ms) * MS
    for i in range(10):
        data = sealer.seal(Kind.COMMAND, b"", i * 5 * MS + 10**7 * MS)
        assert isinstance(opener.open(data, base + i * 5 * MS + 10 * MS), Opened)
    stale = sealer.seal(Kind.COMMAND, b"", 10**7 * MS + 50 * MS)
    assert opener.open(stale, base + 50 * MS + 61 * MS) is Refusal.LATE
    fine = sealer.seal(Kind.COMMAND, b"", 10**7 * MS + 55 * MS)
    assert isinstance(opener.open(fine, base + 55 * MS + 59 * MS), Opened)


def test_generated_bad_datagrams_are_refused_and_change_nothing() -> None:
    rng = random.Random("datagrams")
    sealer, opener = pair()
    good = sealer.seal(Kind.COMMAND, rng.randbytes(124), 0)
    for _ in range(5000):
        bad = bytearray(good)
        match rng.randrange(4):
            case 0:
                at = rng.randrange(len(bad))
                bad[at] ^= 1 << rng.randrange(8)
            case 1:
                bad = bad[: rng.randrange(len(bad))]
            case 2:
                bad += rng.randbytes(rng.randrange(1, 2000))
            case 3:
                bad = bytearray(rng.randbytes(rng.randrange(1300)))
        session_of(bytes(bad))
        assert isinstance(opener.open(bytes(bad), 0), Refusal)
    assert isinstance(opener.open(good, 0), Opened), "nothing bad used up its number"
    assert sum(opener.refused.values()) == 5000
